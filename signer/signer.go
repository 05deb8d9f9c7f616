// Package signer holds private keys where no print shows them. Packages identity, engine and
// authority have its type under their own names.
package signer

import (
	"crypto"
	"io"
	"os"
)

// A Signer is a private key behind a function, of which package fmt prints the address: it
// calls no method of an unexported field, nor for the verb %p, and would print a key that is
// a slice, such as an ed25519.PrivateKey. A Signer signs as its key does, and may be nil.
type Signer func() crypto.Signer

var _ crypto.Signer = Signer(nil)

// New returns a Signer that holds key, which may live in hardware or on another machine. It
// returns key itself if that is a Signer, and nil for nil.
func New(key crypto.Signer) Signer {
	switch held := key.(type) {
	case nil:
		return nil
	case Signer:
		return held
	}
	return func() crypto.Signer { return key }
}

// Key returns the key, or nil if there is none. It can be printed.
func (s Signer) Key() crypto.Signer {
	if s == nil {
		return nil
	}
	return s()
}

// Public returns the public key, or nil if there is none.
func (s Signer) Public() crypto.PublicKey {
	key := s.Key()
	if key == nil {
		return nil
	}
	return key.Public()
}

// Sign signs as the key does.
func (s Signer) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	key := s.Key()
	if key == nil {
		return nil, os.ErrInvalid
	}
	return key.Sign(rand, digest, opts)
}
