package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sealsock/sealsock/internal/testcert"
)

// TestEncodeKey: a key is read with its password alone, and is not in the file.
func TestEncodeKey(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b, err := EncodeKey(key, []byte("open sesame"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := EncodeKey(key, []byte("open sesame"))
	if err != nil || bytes.Equal(b, again) {
		t.Errorf("salt and initialization vector are the same: %v", err)
	}
	block, _ := pem.Decode(b)
	if bytes.Contains(block.Bytes, key.Seed()) {
		t.Error("the key is in clear")
	}
	got, err := ParseKey(b, Password(func(string) ([]byte, error) {
		return []byte("open sesame"), nil
	}))
	if err != nil || !key.Equal(got) {
		t.Errorf("another key: %v", err)
	}
	_, err = ParseKey(b, Password(func(string) ([]byte, error) { return []byte("open sesam"), nil }))
	var wrong *Error
	if !errors.As(err, &wrong) || wrong.Code != CodeWrongPassword {
		t.Errorf("another password: %v", err)
	}
	if _, err := EncodeKey(key, nil); err == nil {
		t.Error("an empty password encrypts")
	}
	if _, err := EncodeKey("no key", []byte("x")); err == nil {
		t.Error("a text is no key")
	}
}

// TestEncodeKeyOpenSSL: OpenSSL reads a key of EncodeKey.
func TestEncodeKeyOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl is missing: make peers installs it")
	}
	b, err := EncodeKey(testcert.NewKey("p256"), []byte("open sesame"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(openssl, "pkey", "-in", file, "-passin", "pass:open sesame", "-noout",
		"-check").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("Key is valid")) {
		t.Errorf("%v: %s", err, out)
	}
}
