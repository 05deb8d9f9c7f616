// Package pubkey decides which public keys are accepted. It is the only place that
// knows the bounds, so that a key which one package refuses is not used by
// another.
//
// The bounds serve two ends. A key that is too small, or of a form in which
// signatures can be forged, proves nothing. A key that is too large costs its
// verifier seconds for one signature, and its sender pays nothing: so a
// key must be checked before the first signature is verified with it.
package pubkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rsa"
	"fmt"

	"github.com/sealsock/sealsock/internal/pss"
)

// The bounds on RSA keys. The upper bound on the modulus is that of crypto/tls,
// the bounds on the exponent are those of crypto/rsa.
const (
	MinRSABits     = 2048
	MaxRSABits     = 8192
	minRSAExponent = 3
	maxRSAExponent = 1<<31 - 1
)

// What hints and errors call keys that are accepted.
var (
	// Good is for a hint: what to make a new key of.
	Good = fmt.Sprintf("ECDSA on P-256, or RSA of %d bits or more", MinRSABits)
	// RSASizes bounds RSA keys.
	RSASizes = fmt.Sprintf("RSA keys of %d to %d bits", MinRSABits, MaxRSABits)
)

// Reason is why a key is refused.
type Reason uint8

// The reasons.
const (
	Unsupported Reason = iota + 1 // a kind of key, or a curve, that is not supported
	Weak                          // signatures of this key can be forged, or will be soon
	Costly                        // one signature of this key takes too long to verify
)

// Error refuses a key.
type Error struct {
	Reason Reason
	// Expected and Got are noun phrases that end without a full stop.
	Expected, Got string
}

// Error returns what was found and what is accepted.
func (e *Error) Error() string { return e.Got + ", where " + e.Expected + " is accepted" }

// Check returns nil if signatures of key may be verified, and an [*Error] if
// not. It looks at sizes only and costs nothing. Keys are accepted as crypto/x509
// and package pss return them.
func Check(key crypto.PublicKey) error {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return checkRSA(key)
	case pss.PublicKey:
		return checkRSA(key.PublicKey)
	case *pss.PublicKey:
		if key != nil {
			return checkRSA(key.PublicKey)
		}
	case *ecdsa.PublicKey:
		if key != nil {
			return checkCurve(key)
		}
	case ed25519.PublicKey:
		if len(key) == ed25519.PublicKeySize { // ed25519.Verify panics on others
			return nil
		}
	case *mldsa.PublicKey:
		return checkMLDSA(key)
	case nil:
		return &Error{Unsupported, Kinds, "a key of an unknown kind"}
	}
	return &Error{Unsupported, Kinds, fmt.Sprintf("a key of type %T", key)}
}

// TooCostly reports whether one signature of key takes too long to verify. It is
// for certificates that vouch for nothing yet, such as a root on disk: a weak one
// is refused when it is used.
func TooCostly(key crypto.PublicKey) bool {
	e, refused := Check(key).(*Error)
	return refused && e.Reason == Costly
}

// Kinds is what errors expect in place of a key of another kind.
const Kinds = "an ECDSA key on P-256, P-384 or P-521, an Ed25519, ML-DSA or RSA key"

func checkCurve(key *ecdsa.PublicKey) error {
	switch key.Curve {
	case elliptic.P256(), elliptic.P384(), elliptic.P521():
		return nil
	case nil:
		return &Error{Unsupported, Kinds, "an ECDSA key without a curve"}
	}
	return &Error{Unsupported, Kinds, "an ECDSA key on " + key.Curve.Params().Name}
}

func checkMLDSA(key *mldsa.PublicKey) error {
	if key == nil || *key == (mldsa.PublicKey{}) { // its methods panic
		return &Error{Unsupported, Kinds, "an ML-DSA key without a value"}
	}
	return nil
}

func checkRSA(key *rsa.PublicKey) error {
	if key == nil || key.N == nil {
		return &Error{Unsupported, Kinds, "an RSA key without numbers"}
	}
	size := fmt.Sprintf("an RSA key of %d to %d bits", MinRSABits, MaxRSABits)
	exponents := fmt.Sprintf("an odd exponent from %d to %d", minRSAExponent, maxRSAExponent)
	switch bits := key.N.BitLen(); {
	case bits > MaxRSABits:
		return &Error{Costly, size, fmt.Sprintf("an RSA key of %d bits", bits)}
	case key.E > maxRSAExponent:
		return &Error{Costly, exponents, fmt.Sprintf("an RSA key with the exponent %d", key.E)}
	case bits < MinRSABits || key.N.Sign() < 0:
		return &Error{Weak, size, fmt.Sprintf("an RSA key of %d bits", bits)}
	case key.N.Bit(0) == 0:
		return &Error{Weak, "an odd modulus", "an RSA key with an even modulus"}
	case key.E < minRSAExponent || key.E%2 == 0: // with 1, each message is its own signature
		return &Error{Weak, exponents, fmt.Sprintf("an RSA key with the exponent %d", key.E)}
	}
	return nil
}
