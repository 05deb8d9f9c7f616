//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// openPipe makes a named pipe and opens both of its ends.
func openPipe(t *testing.T) (name string, pipe *os.File) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pipe.Close() })
	return name, pipe
}

// TestPipesAreKept: what is no regular file, as /dev/stdout is none, is written to. No file takes
// its place, as one did for every program of the machine.
func TestPipesAreKept(t *testing.T) {
	write := map[string]func(string, []byte) error{
		"force": func(name string, data []byte) error { return writeNew(name, data, 0o600, true) },
		"html":  writePageFile,
	}
	for what, write := range write {
		name, pipe := openPipe(t)
		link := filepath.Join(filepath.Dir(name), "link")
		if err := os.Symlink(name, link); err != nil {
			t.Fatal(err)
		}
		for _, given := range []string{name, link} {
			if err := write(given, []byte("text")); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			info, err := os.Stat(name)
			if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
				t.Fatalf("%s: a file has taken the place of the pipe: %v, %v", what, info, err)
			}
			got := make([]byte, 4)
			if _, err := pipe.Read(got); err != nil || string(got) != "text" {
				t.Errorf("%s: the pipe has %q, %v", what, got, err)
			}
		}
	}
	name, _ := openPipe(t)
	if f, err := createBeside(name); err == nil {
		f.Close()
		t.Error("the file with the number of a process would take the place of a pipe")
	}
}
