package suites

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"slices"

	"github.com/sealsock/sealsock/iana"
)

// Usable reports whether pub is a key of a kind that some scheme can check signatures
// with, and neither nil nor the zero value of its type. How long an RSA key must be is
// another question.
func Usable(pub crypto.PublicKey) bool {
	if !set(pub) {
		return false
	}
	switch pub.(type) {
	case *rsa.PublicKey, PSSPublicKey, *PSSPublicKey:
		return true
	}
	return slices.ContainsFunc(schemes, func(s Scheme) bool {
		return s.Fits(pub, iana.TLS12) || s.Fits(pub, iana.TLS13)
	})
}

// set reports whether a key is more than nil or a zero value, which Fits may not be
// asked about.
func set(pub crypto.PublicKey) bool {
	switch key := pub.(type) {
	case *ecdsa.PublicKey:
		return key != nil && key.Curve != nil
	case ed25519.PublicKey:
		return len(key) == ed25519.PublicKeySize
	case *rsa.PublicKey:
		return key != nil && key.N != nil
	case PSSPublicKey:
		return set(key.PublicKey)
	case *PSSPublicKey:
		return key != nil && set(key.PublicKey)
	}
	return pub != nil
}
