//go:build unix

package readfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sealsock/sealsock/internal/readfile"
)

func pipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBounds reads files that are just short enough and just too long, and one
// that has no end.
func TestBounds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, size := range []int{0, 1, 999, 1000} {
		want := bytes.Repeat([]byte("x"), size)
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
		for name, read := range readers() {
			if got, err := read(path, 1000); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s of %d bytes: %d, %v", name, size, len(got), err)
			}
		}
	}
	if err := os.WriteFile(path, make([]byte, 1001), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, read := range readers() {
		var large *readfile.TooLargeError
		if _, err := read(path, 1000); !errors.As(err, &large) || !strings.Contains(err.Error(),
			path+" has more than 1000 bytes") {
			t.Errorf("%s of 1001 bytes: %v", name, err)
		}
		if _, err := read(path+"x", 1000); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of no file: %v", name, err)
		}
		if _, err := read(t.TempDir(), 1000); !errors.Is(err, syscall.EISDIR) {
			t.Errorf("%s of a folder: %v", name, err)
		}
	}
	var large *readfile.TooLargeError
	if _, err := readfile.Read(t.Context(), "/dev/zero", 1<<20); !errors.As(err, &large) ||
		err.Error() != "/dev/zero has more than 1 MiB" {
		t.Errorf("a file without an end: %v", err)
	}
	if _, err := readfile.Regular("/dev/zero", 1<<20); err == nil || errors.As(err, &large) {
		t.Errorf("a device as a regular file: %v", err)
	}
}

func readers() map[string]func(string, int64) ([]byte, error) {
	return map[string]func(string, int64) ([]byte, error){
		"Regular": readfile.Regular,
		"Read": func(path string, most int64) ([]byte, error) {
			return readfile.Read(context.Background(), path, most)
		},
	}
}

// TestPipe reads from a pipe, stops waiting for one without a writer, and for
// one whose writer is silent.
func TestPipe(t *testing.T) {
	path := pipe(t)
	if _, err := readfile.Regular(path, 10); err == nil || !strings.Contains(err.Error(),
		"expected a regular file") {
		t.Errorf("a pipe as a regular file: %v", err)
	}
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	if _, err := readfile.Read(ctx, path, 10); !errors.Is(err, stopped) {
		t.Errorf("without a writer: %v", err)
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	go func() {
		w, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { w.Close() })
		fmt.Fprint(w, "half")
		cancel(stopped)
	}()
	if _, err := readfile.Read(ctx, path, 10); !errors.Is(err, stopped) {
		t.Errorf("with a writer that is silent: %v", err)
	}
	path = pipe(t)
	go func() {
		if err := os.WriteFile(path, []byte("whole"), 0); err != nil {
			t.Error(err)
		}
	}()
	if got, err := readfile.Read(t.Context(), path, 10); err != nil || string(got) != "whole" {
		t.Errorf("%q, %v", got, err)
	}
}

func ExampleRegular() {
	_, err := readfile.Regular("/dev/null", 1<<20)
	fmt.Println(err)
	// Output: /dev/null is a pipe, a socket or a device: expected a regular file
}
