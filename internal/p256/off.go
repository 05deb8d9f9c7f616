//go:build standardp256

package p256

import (
	"crypto/ecdsa"
	"io"
)

// Sign is [ecdsa.SignASN1].
func Sign(random io.Reader, key *ecdsa.PrivateKey, digest []byte) ([]byte, error) {
	return ecdsa.SignASN1(random, key, digest)
}

// Verify is [ecdsa.VerifyASN1].
func Verify(key *ecdsa.PublicKey, digest, signature []byte) bool {
	return ecdsa.VerifyASN1(key, digest, signature)
}
