package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestWriteNewLeavesNoPart: a file that could not be written leaves no part of it, which would
// be in the way of the next attempt.
func TestWriteNewLeavesNoPart(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(taken, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if writeNew(taken, []byte("secret"), 0o600, true) == nil { // a folder is not replaced
		t.Error("a folder was replaced")
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("a part is left: %v, %v", names, err)
	}
}

// TestUnanswered: the end of the input at a question is not the lack of a terminal.
func TestUnanswered(t *testing.T) {
	for err, want := range map[error]string{
		io.EOF:         "no code was given",
		os.ErrNotExist: "there is no terminal to ask for the code",
	} {
		if p := unanswered(err, "code"); p.text != want {
			t.Errorf("%v: %q, want %q", err, p.text, want)
		}
	}
}

// TestWriteNewLeavesOthers: to replace a file removes none that has another name.
func TestWriteNewLeavesOthers(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "cert.pem")
	for _, file := range []string{name, name + ".new"} {
		if err := os.WriteFile(file, []byte(filepath.Base(file)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeNew(name, []byte("replaced"), 0o600, true); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{name: "replaced", name + ".new": "cert.pem.new"} {
		if got, err := os.ReadFile(file); string(got) != want {
			t.Errorf("%s has %q, %v, want %q", file, got, err, want)
		}
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 2 {
		t.Errorf("a part is left: %v, %v", names, err)
	}
}
