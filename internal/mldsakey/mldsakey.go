// Package mldsakey parses the forms of ML-DSA private keys that crypto/x509 does not: the
// expanded key, with and without the seed that it was made of. RFC 9881, Section 6.
//
// crypto/mldsa signs with keys that have a seed. An expanded key alone signs with package
// circl, and its public key and its signatures are those of crypto/mldsa.
package mldsakey

import (
	"bytes"
	"crypto"
	"crypto/mldsa"
	"encoding"
	"errors"
	"fmt"
	"io"

	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
	"github.com/sealsock/sealsock/internal/simd"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A PrivateKey is an ML-DSA key whose seed is not known.
type PrivateKey struct {
	public *mldsa.PublicKey
	sign   func(message []byte) ([]byte, error)
}

var _ crypto.Signer = (*PrivateKey)(nil)

// Public returns a *mldsa.PublicKey.
func (k *PrivateKey) Public() crypto.PublicKey { return k.public }

// Sign signs a message that is not hashed, with an empty context. It does not use rand.
func (k *PrivateKey) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	own, _ := opts.(*mldsa.Options)
	if opts != nil && opts.HashFunc() != 0 || own != nil && own.Context != "" {
		return nil, errors.New("an ML-DSA key without its seed signs whole messages only, and no context")
	}
	return k.sign(message)
}

// String returns "[redacted]".
func (k *PrivateKey) String() string { return "[redacted]" }

// GoString returns "[redacted]".
func (k *PrivateKey) GoString() string { return "[redacted]" }

// A set is one of the parameter sets of FIPS 204.
type set struct {
	oid        string // in the encoding of DER
	parameters mldsa.Parameters
	size       int // of an expanded key
	vectors    int // the polynomials of s1 and s2
	eta        int // the bound of their coefficients
	expand     func(expanded []byte) (*PrivateKey, []byte, error)
	seeded     func(seed []byte) []byte // returns the expanded key
}

// sets returns the three sets. It is a function, and no variable, so that a program that
// reads no keys from files does not link them.
func sets() []set {
	return []set{
		{"\x60\x86\x48\x01\x65\x03\x04\x03\x11", mldsa.MLDSA44(), mldsa44.PrivateKeySize, 8, 2,
			expand(mldsa44.SignTo, mldsa44.SignatureSize), seeded(mldsa44.NewKeyFromSeed)},
		{"\x60\x86\x48\x01\x65\x03\x04\x03\x12", mldsa.MLDSA65(), mldsa65.PrivateKeySize, 11, 4,
			expand(mldsa65.SignTo, mldsa65.SignatureSize), seeded(mldsa65.NewKeyFromSeed)},
		{"\x60\x86\x48\x01\x65\x03\x04\x03\x13", mldsa.MLDSA87(), mldsa87.PrivateKeySize, 15, 2,
			expand(mldsa87.SignTo, mldsa87.SignatureSize), seeded(mldsa87.NewKeyFromSeed)},
	}
}

// A private is a pointer to a key of circl.
type private[T any] interface {
	*T
	crypto.Signer
	encoding.BinaryUnmarshaler
	encoding.BinaryMarshaler
}

// expand returns a function that parses an expanded key and encodes its public key.
func expand[T any, K private[T]](signTo func(K, []byte, []byte, bool, []byte) error,
	size int) func([]byte) (*PrivateKey, []byte, error) {
	return func(expanded []byte) (*PrivateKey, []byte, error) {
		defer simd.ClearUpper()
		key := K(new(T))
		if err := key.UnmarshalBinary(expanded); err != nil {
			return nil, nil, err
		}
		public, err := key.Public().(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			return nil, nil, err
		}
		sign := func(message []byte) ([]byte, error) {
			defer simd.ClearUpper()
			signature := make([]byte, size)
			const randomized = true
			return signature, signTo(key, message, nil, randomized, signature)
		}
		return &PrivateKey{sign: sign}, public, nil
	}
}

// seeded returns a function that expands a seed.
func seeded[P, T any, K private[T]](derive func(*[32]byte) (P, K)) func([]byte) []byte {
	return func(seed []byte) []byte {
		defer simd.ClearUpper()
		_, key := derive((*[32]byte)(seed))
		expanded, _ := key.MarshalBinary() // never fails
		return expanded
	}
}

// Parse reads an unencrypted PKCS #8 key. It returns nil without an error if the algorithm is
// not ML-DSA.
func Parse(der []byte) (crypto.Signer, error) {
	in := cryptobyte.String(der)
	var body, algorithm, oid, key cryptobyte.String
	var version int
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1Integer(&version) ||
		!body.ReadASN1(&algorithm, asn1.SEQUENCE) ||
		!algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
		return nil, nil
	}
	for _, s := range sets() {
		if s.oid == string(oid) {
			if !algorithm.Empty() || !in.Empty() || !body.ReadASN1(&key, asn1.OCTET_STRING) {
				return nil, errors.New("the structure of the ML-DSA key is malformed")
			}
			return s.parse(key)
		}
	}
	return nil, nil
}

// parse reads ML-DSA-…-PrivateKey. RFC 9881, Section 6:
//
//	ML-DSA-44-PrivateKey ::= CHOICE {
//	  seed        [0] OCTET STRING (SIZE (32)),
//	  expandedKey OCTET STRING (SIZE (2560)),
//	  both SEQUENCE {
//	    seed        OCTET STRING (SIZE (32)),
//	    expandedKey OCTET STRING (SIZE (2560)) } }
func (s *set) parse(choice cryptobyte.String) (crypto.Signer, error) {
	var seed, expanded, both cryptobyte.String
	ok := true
	switch {
	case choice.PeekASN1Tag(asn1.SEQUENCE):
		ok = choice.ReadASN1(&both, asn1.SEQUENCE) && both.ReadASN1(&seed, asn1.OCTET_STRING) &&
			both.ReadASN1(&expanded, asn1.OCTET_STRING) && both.Empty()
	case choice.PeekASN1Tag(asn1.OCTET_STRING):
		ok = choice.ReadASN1(&expanded, asn1.OCTET_STRING)
	default:
		ok = choice.ReadASN1(&seed, asn1.Tag(0).ContextSpecific())
	}
	switch {
	case !ok || !choice.Empty() || !s.sized(seed, expanded):
		return nil, fmt.Errorf("the %v key is neither a seed of %d bytes nor an expanded key of %d",
			s.parameters, mldsa.PrivateKeySize, s.size)
	case seed == nil:
		return s.withoutSeed(expanded)
	case expanded != nil && !bytes.Equal(s.seeded(seed), expanded):
		// RFC 9881, Private Key Consistency Testing: such a key is rejected as malformed.
		return nil, fmt.Errorf("the seed and the expanded key of the %v key do not go together",
			s.parameters)
	}
	return mldsa.NewPrivateKey(s.parameters, seed)
}

// sized reports whether the parts that are there have their lengths.
func (s *set) sized(seed, expanded []byte) bool {
	return (seed == nil || len(seed) == mldsa.PrivateKeySize) &&
		(expanded == nil || len(expanded) == s.size)
}

// withoutSeed makes a signer of an expanded key. The public key is computed, and a key whose
// parts do not go together is refused: the hash of the public key is one of them, and a
// signature tells the rest.
func (s *set) withoutSeed(expanded []byte) (crypto.Signer, error) {
	if !s.inRange(expanded) {
		return nil, fmt.Errorf("the expanded %v key has a coefficient out of range", s.parameters)
	}
	key, encoded, err := s.expand(expanded)
	if err != nil {
		return nil, err
	}
	if key.public, err = mldsa.NewPublicKey(s.parameters, encoded); err != nil {
		return nil, err
	}
	probe := []byte("sealsock: does this key sign?")
	signature, err := key.sign(probe)
	if err != nil || mldsa.Verify(key.public, probe, signature, nil) != nil {
		return nil, fmt.Errorf("the parts of the expanded %v key do not go together", s.parameters)
	}
	return key, nil
}

// inRange reports whether each coefficient of s1 and s2 is in [-eta, eta], which package circl
// does not check: outside of it signatures verify, but tell more of the key than they may.
// FIPS 204, Algorithm 25. Its time does not depend on the coefficients.
func (s *set) inRange(expanded []byte) bool {
	const before = 32 + 32 + 64 // rho, K and tr
	width := 3                  // bits of a coefficient, which is written as eta minus it
	if s.eta == 4 {
		width = 4
	}
	packed := expanded[before : before+s.vectors*256*width/8]
	outside := 0
	for i := range s.vectors * 256 {
		value := 0
		for bit := range width {
			at := i*width + bit
			value |= int(packed[at/8]>>(at%8)&1) << bit
		}
		outside |= 2*s.eta - value // negative if the value is too large
	}
	return outside >= 0
}
