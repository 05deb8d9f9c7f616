//go:build unix

package identity

import (
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestReloadedPipe puts a pipe in the place of a file: the old identity stays, and
// no call waits for a writer.
func TestReloadedPipe(t *testing.T) {
	key, cert := leaf12(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "both.pem")
	data := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})...)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Watch(file, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	r.interval = 0
	done := make(chan *Identity, 1)
	go func() { done <- r.Identity() }()
	select {
	case id := <-done:
		var e *Error
		if id == nil || !errors.As(r.Err(), &e) || e.Code != CodeUnreadable {
			t.Errorf("%v, %v", id, r.Err())
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for the pipe")
	}
}
