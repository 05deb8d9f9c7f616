//go:build unix

package identity

import (
	"crypto/x509"
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
	refusesPipe(t, r)
}

// refusesPipe demands that r keeps its identity, and does not wait.
func refusesPipe(t *testing.T, r *Reloader) {
	t.Helper()
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

// TestReloadedPassword puts a pipe in the place of the file with the password: what is waited for
// under the lock would hold up each connection.
func TestReloadedPassword(t *testing.T) {
	key, cert := leaf12(t)
	parsed, err := x509.ParsePKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := EncodeKey(parsed, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, password := filepath.Join(dir, "both.pem"), filepath.Join(dir, "password")
	data := append(sealed, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})...)
	if err := errors.Join(os.WriteFile(file, data, 0o600),
		os.WriteFile(password, []byte("secret\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	r, err := Watch(file, "", PasswordFile(password))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(password), syscall.Mkfifo(password, 0o600)); err != nil {
		t.Fatal(err)
	}
	r.interval, r.stamps = 0, nil // the file has changed
	refusesPipe(t, r)
	other := Password(func(string) ([]byte, error) { return []byte("secret"), nil })
	if _, err := Watch(file, "", PasswordFile(password), other); err != nil {
		t.Errorf("the last option holds: %v", err)
	}
}
