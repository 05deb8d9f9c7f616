package talk

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sealsock/sealsock/identity"
)

// An Identity is the Ed25519 key by which others recognize a member. It does not print.
type Identity struct{ private func() ed25519.PrivateKey }

// NewIdentity returns a new key, which is not stored.
func NewIdentity() *Identity {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // never fails
	}
	return identityOf(key)
}

func identityOf(key ed25519.PrivateKey) *Identity {
	return &Identity{func() ed25519.PrivateKey { return key }}
}

// IdentityOf returns the identity of a key that the caller stores. It keeps no part of key.
func IdentityOf(key ed25519.PrivateKey) (*Identity, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("talk: an Ed25519 key of %d bytes, not %d: %w", len(key),
			ed25519.PrivateKeySize, os.ErrInvalid)
	}
	return identityOf(bytes.Clone(key)), nil
}

// LoadIdentity returns the key in a file, in PEM as PKCS #8, which it makes if there is none:
// readable by this user alone. A file with another kind of key is an error. The options have the
// passphrase of a key that is encrypted.
func LoadIdentity(file string, options ...identity.Option) (*Identity, error) {
	if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		return createIdentity(file)
	}
	signer, err := identity.LoadKey(file, options...)
	if err != nil {
		return nil, err
	}
	key, ok := signer.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("talk: %s has a key of type %T, and an identity is an Ed25519 key: "+
			"name another file", file, signer.Public())
	}
	return identityOf(key), nil
}

// createIdentity writes a new key. The file appears whole or not at all, and if another
// process was faster, its key counts.
func createIdentity(file string) (*Identity, error) {
	id := NewIdentity()
	der, err := x509.MarshalPKCS8PrivateKey(id.private())
	if err != nil {
		return nil, err
	}
	b := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	err = writeBeside(file, b, os.Link)
	if errors.Is(err, fs.ErrExist) {
		return LoadIdentity(file)
	}
	if err != nil {
		return nil, err
	}
	return id, nil
}

// Encrypt writes the key into a file that a passphrase encrypts, in place of what the file has.
// [LoadIdentity] reads it with the passphrase.
func (i *Identity) Encrypt(file string, passphrase []byte) error {
	if !i.usable() {
		return errNotMade
	}
	b, err := identity.EncodeKey(i.private(), passphrase)
	if err != nil {
		return err
	}
	return writeBeside(file, b, os.Rename)
}

// writeBeside writes a file, readable by this user alone, which place gives its name when it is
// whole.
func writeBeside(file string, b []byte, place func(from, to string) error) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".talk-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return place(f.Name(), file)
}

func (i *Identity) usable() bool { return i != nil && i.private != nil }

// Public returns the public key, or nil for a zero Identity.
func (i *Identity) Public() ed25519.PublicKey {
	if !i.usable() {
		return nil
	}
	return i.private().Public().(ed25519.PublicKey)
}

// String keeps the key out of logs.
func (i Identity) String() string { return "[redacted]" }

// Format keeps the key out of logs.
func (i Identity) Format(f fmt.State, _ rune) { io.WriteString(f, i.String()) }

// MarshalText keeps the key out of logs in JSON.
func (i Identity) MarshalText() ([]byte, error) { return []byte(i.String()), nil }
