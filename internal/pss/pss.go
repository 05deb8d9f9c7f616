// Package pss implements RSA keys that are restricted to PSS: their
// certificates have the algorithm id-RSASSA-PSS (RFC 4055, Section 1.2) instead
// of rsaEncryption. crypto/x509 does not parse them, and TLS has separate
// signature schemes for them (RFC 9846, Section 4.2.3).
package pss

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"io"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// PublicKey is an RSA key that may verify PSS signatures only.
type PublicKey struct{ *rsa.PublicKey }

// Equal reports whether x is the same key and also restricted to PSS.
func (k PublicKey) Equal(x crypto.PublicKey) bool {
	other, ok := x.(PublicKey)
	return ok && k.PublicKey.Equal(other.PublicKey)
}

// PrivateKey is an RSA key that signs with PSS only.
type PrivateKey struct{ key *rsa.PrivateKey }

// NewPrivateKey returns key restricted to PSS.
func NewPrivateKey(key *rsa.PrivateKey) *PrivateKey { return &PrivateKey{key} }

// Public returns a PublicKey.
func (k *PrivateKey) Public() crypto.PublicKey { return PublicKey{&k.key.PublicKey} }

// Sign returns an error unless the options are for PSS.
func (k *PrivateKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if _, ok := opts.(*rsa.PSSOptions); !ok {
		return nil, errors.New("this RSA key signs with PSS only")
	}
	return k.key.Sign(rand, digest, opts)
}

// String returns "[redacted]".
func (k *PrivateKey) String() string { return "[redacted]" }

// GoString returns "[redacted]".
func (k *PrivateKey) GoString() string { return "[redacted]" }

// oid is id-RSASSA-PSS.
const oid = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"

// ParsePublicKey parses a SubjectPublicKeyInfo. It returns false if the
// algorithm differs or the structure is malformed. It ignores parameters, which
// may restrict the hash: a signer does not make signatures with a hash that its
// own key excludes. Like crypto/x509 it accepts keys of any size; package pubkey
// decides which are allowed.
func ParsePublicKey(spki []byte) (PublicKey, bool) {
	in := cryptobyte.String(spki)
	var body, bits, numbers cryptobyte.String
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !in.Empty() || !readAlgorithm(&body) || !body.ReadASN1(&bits, asn1.BIT_STRING) ||
		len(bits) == 0 || bits[0] != 0 {
		return PublicKey{}, false
	}
	content := bits[1:]
	n := new(big.Int)
	var e int
	if !content.ReadASN1(&numbers, asn1.SEQUENCE) || !content.Empty() || !numbers.ReadASN1Integer(n) || !numbers.ReadASN1Integer(&e) || !numbers.Empty() {
		return PublicKey{}, false
	}
	if n.Sign() <= 0 || e <= 0 {
		return PublicKey{}, false
	}
	return PublicKey{&rsa.PublicKey{N: n, E: e}}, true
}

// InnerKey returns the PKCS#1 key inside an unencrypted PKCS#8 key, or false if
// the algorithm differs or the structure is malformed. The caller parses it,
// because crypto/x509 imports net and this package must not.
func InnerKey(der []byte) ([]byte, bool) {
	in := cryptobyte.String(der)
	var body, inner cryptobyte.String
	var version int
	ok := in.ReadASN1(&body, asn1.SEQUENCE) && body.ReadASN1Integer(&version) && readAlgorithm(&body) && body.ReadASN1(&inner, asn1.OCTET_STRING)
	return inner, ok
}

// readAlgorithm reads an algorithm identifier and reports whether it is
// id-RSASSA-PSS.
func readAlgorithm(body *cryptobyte.String) bool {
	var algorithm, id cryptobyte.String
	return body.ReadASN1(&algorithm, asn1.SEQUENCE) && algorithm.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) && string(id) == oid
}
