package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
)

// Algorithm names a kind of key.
type Algorithm string

// The kinds of keys. ECDSA on P-256 is the default: every peer has it, and it
// is the fastest that every peer has.
const (
	ECDSAP256 Algorithm = "ecdsa-p256"
	ECDSAP384 Algorithm = "ecdsa-p384"
	Ed25519   Algorithm = "ed25519"
	RSA2048   Algorithm = "rsa-2048"
	RSA3072   Algorithm = "rsa-3072"
	RSA4096   Algorithm = "rsa-4096"
	// ML-DSA (FIPS 204) is for peers of TLS 1.3 that have it.
	MLDSA44 Algorithm = "ml-dsa-44"
	MLDSA65 Algorithm = "ml-dsa-65"
	MLDSA87 Algorithm = "ml-dsa-87"
)

var algorithms = []Algorithm{
	ECDSAP256, ECDSAP384, Ed25519, RSA2048, RSA3072, RSA4096, MLDSA44, MLDSA65, MLDSA87,
}

// ParseAlgorithm reads an algorithm's name; "ecdsa", "rsa" and "ml-dsa" alone stand for
// ecdsa-p256, rsa-2048 and ml-dsa-65, and "" for the default.
func ParseAlgorithm(text string) (Algorithm, error) {
	switch a := Algorithm(strings.ToLower(text)); a {
	case "":
		return ECDSAP256, nil
	case "ecdsa":
		return ECDSAP256, nil
	case "rsa":
		return RSA2048, nil
	case "ml-dsa":
		return MLDSA65, nil
	default:
		if slices.Contains(algorithms, a) {
			return a, nil
		}
	}
	return "", fmt.Errorf("no key algorithm %q: choose one of %v", text, algorithms)
}

func (a Algorithm) orDefault() (Algorithm, error) { return ParseAlgorithm(string(a)) }

func (a Algorithm) generate() (crypto.Signer, error) {
	switch a {
	case ECDSAP256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ECDSAP384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case Ed25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case RSA2048:
		return rsa.GenerateKey(rand.Reader, 2048)
	case RSA3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	case RSA4096:
		return rsa.GenerateKey(rand.Reader, 4096)
	case MLDSA44:
		return mldsa.GenerateKey(mldsa.MLDSA44())
	case MLDSA65:
		return mldsa.GenerateKey(mldsa.MLDSA65())
	case MLDSA87:
		return mldsa.GenerateKey(mldsa.MLDSA87())
	}
	return nil, fmt.Errorf("no key algorithm %q", string(a))
}
