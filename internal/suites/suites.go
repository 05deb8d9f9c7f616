// Package suites holds the tables of what the engine can compute with: cipher
// suites, key exchange groups and signature schemes. A row is a name and the
// functions behind it; whether a row may be used is the engine's decision.
package suites

import (
	"bytes"
	"crypto"
	"crypto/cipher"
	_ "crypto/sha256" // registers SHA-256 for Suite.Hash
	_ "crypto/sha512" // registers SHA-384 and SHA-512 for Suite.Hash

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/gcm"
	"golang.org/x/crypto/chacha20poly1305"
)

// A Suite is one cipher suite of TLS 1.3.
type Suite struct {
	ID     iana.CipherSuite
	Hash   crypto.Hash
	KeyLen int // bytes
	// RecordLimit is the number of records that one key may protect before
	// it has to be replaced. RFC 9846, Section 5.5.
	RecordLimit uint64
	// AEAD returns the suite's cipher under key, which is not kept. It is nil for AES-GCM:
	// see Cipher.
	AEAD func(key []byte) (cipher.AEAD, error)
}

// Cipher returns the suite's cipher under key, which is not kept. The call of gcm.New is
// one that the compiler sees, so that the key of the most common suites may be on the
// caller's stack.
func (s *Suite) Cipher(key []byte) (cipher.AEAD, error) {
	if s.AEAD == nil {
		return gcm.New(key)
	}
	own := bytes.Clone(key)
	defer clear(own)
	return s.AEAD(own)
}

// MaxTag is the length in bytes of the longest tag of a suite.
const MaxTag = 16

// IVLen is the length in bytes of every suite's per-record nonce.
const IVLen = 12

// AES-GCM keeps its margin for about 2^24.5 full-size records; we stop at
// 2^24. ChaCha20-Poly1305 reaches the end of the sequence numbers first.
// RFC 9846, Section 5.5.
const (
	gcmLimit    = 1 << 24
	chachaLimit = 1 << 62
)

// ccmLimit is what RFC 9147, Section 4.5.3, has for AES-128-CCM; RFC 9846 has none.
const ccmLimit = 1 << 23

// Forgeries returns how many records of DTLS may fail with one key of a suite before the
// connection ends. RFC 9147, Section 4.5.3: 2^36 for AES-GCM and ChaCha20-Poly1305, and
// 2^23.5 for AES-CCM. A number that is too small would let anyone end a connection.
func Forgeries(id iana.CipherSuite) uint64 {
	switch id {
	case iana.TLS_AES_128_CCM_SHA256, iana.TLS_AES_128_CCM_8_SHA256,
		iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM, iana.TLS_ECDHE_ECDSA_WITH_AES_256_CCM,
		iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, iana.TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8,
		iana.TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256, iana.TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256,
		iana.TLS_PSK_WITH_AES_128_CCM, iana.TLS_PSK_WITH_AES_256_CCM,
		iana.TLS_PSK_WITH_AES_128_CCM_8, iana.TLS_PSK_WITH_AES_256_CCM_8:
		return 1 << 23
	}
	return 1 << 36
}

var tls13 = []Suite{
	{iana.TLS_AES_128_GCM_SHA256, crypto.SHA256, 16, gcmLimit, nil},
	{iana.TLS_AES_256_GCM_SHA384, crypto.SHA384, 32, gcmLimit, nil},
	{iana.TLS_CHACHA20_POLY1305_SHA256, crypto.SHA256, 32, chachaLimit, chacha20poly1305.New},
	// For small devices, and never among the defaults: CCM takes two passes, and the tag of
	// CCM_8 has 8 bytes. RFC 6655; RFC 9846, Appendix B.4.
	{iana.TLS_AES_128_CCM_SHA256, crypto.SHA256, 16, ccmLimit, newCCM},
	{iana.TLS_AES_128_CCM_8_SHA256, crypto.SHA256, 16, ccmLimit, newCCM8},
}

// TLS13 returns the row of a TLS 1.3 cipher suite, or nil if there is none.
func TLS13(id iana.CipherSuite) *Suite {
	return find(tls13, func(s *Suite) bool { return s.ID == id })
}

// find returns the first row that is the one, or nil.
func find[R any](rows []R, is func(*R) bool) *R {
	for i := range rows {
		if is(&rows[i]) {
			return &rows[i]
		}
	}
	return nil
}

// Default13 lists the TLS 1.3 cipher suites in the default order of preference.
func Default13() []iana.CipherSuite {
	return []iana.CipherSuite{
		iana.TLS_AES_128_GCM_SHA256,
		iana.TLS_AES_256_GCM_SHA384,
		iana.TLS_CHACHA20_POLY1305_SHA256,
	}
}
