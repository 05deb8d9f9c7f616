package suites

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/ccm"
	"github.com/sealsock/sealsock/internal/gcm"
)

// An Auth is how a server proves itself in a cipher suite of TLS 1.2.
type Auth uint8

// The kinds of proof.
const (
	AuthPSK   Auth = iota + 1 // both sides have a pre-shared key
	AuthECDSA                 // a signature with an ECDSA or EdDSA key: RFC 8422, Section 2.2
	AuthRSA                   // a signature with an RSA key
)

// A Suite12 is one cipher suite of TLS 1.2.
type Suite12 struct {
	ID    iana.CipherSuite
	Hash  crypto.Hash // of the PRF and of the transcript
	Auth  Auth
	ECDHE bool // else the keys come from the pre-shared key alone
	// KeyLen and IVLen are the lengths in bytes of the key and of the part
	// of the nonce that the key block holds.
	KeyLen, IVLen int
	// RecordLimit is the number of records that the key may protect.
	RecordLimit uint64
	// AEAD returns the suite's cipher under key, which is not kept.
	AEAD func(key []byte) (cipher.AEAD, error)
}

// blockLimit12 ends a connection under an AES key, which TLS 1.2 cannot change
// without renegotiation, after 2^32 records. By the reckoning of RFC 9846,
// Section 5.5 that leaves an attacker an advantage of about 2^-45.
const blockLimit12 = 1 << 32

var tls12 = []Suite12{
	{iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, crypto.SHA256, AuthECDSA, true, 16, 4, blockLimit12, gcm.New},
	{iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, crypto.SHA256, AuthRSA, true, 16, 4, blockLimit12, gcm.New},
	{iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, crypto.SHA384, AuthECDSA, true, 32, 4, blockLimit12, gcm.New},
	{iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, crypto.SHA384, AuthRSA, true, 32, 4, blockLimit12, gcm.New},
	{iana.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, crypto.SHA256, AuthECDSA, true, 32, 12, chachaLimit, chacha20poly1305.New},
	{iana.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, crypto.SHA256, AuthRSA, true, 32, 12, chachaLimit, chacha20poly1305.New},
	{iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM, crypto.SHA256, AuthECDSA, true, 16, 4, blockLimit12, newCCM},
	{iana.TLS_ECDHE_ECDSA_WITH_AES_256_CCM, crypto.SHA256, AuthECDSA, true, 32, 4, blockLimit12, newCCM},
	{iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, crypto.SHA256, AuthECDSA, true, 16, 4, blockLimit12, newCCM8},
	{iana.TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8, crypto.SHA256, AuthECDSA, true, 32, 4, blockLimit12, newCCM8},
	{iana.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256, crypto.SHA256, AuthPSK, true, 16, 4, blockLimit12, gcm.New},
	{iana.TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384, crypto.SHA384, AuthPSK, true, 32, 4, blockLimit12, gcm.New},
	{iana.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256, crypto.SHA256, AuthPSK, true, 32, 12, chachaLimit, chacha20poly1305.New},
	{iana.TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256, crypto.SHA256, AuthPSK, true, 16, 4, blockLimit12, newCCM},
	{iana.TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256, crypto.SHA256, AuthPSK, true, 16, 4, blockLimit12, newCCM8},
	{iana.TLS_PSK_WITH_AES_128_GCM_SHA256, crypto.SHA256, AuthPSK, false, 16, 4, blockLimit12, gcm.New},
	{iana.TLS_PSK_WITH_AES_256_GCM_SHA384, crypto.SHA384, AuthPSK, false, 32, 4, blockLimit12, gcm.New},
	{iana.TLS_PSK_WITH_CHACHA20_POLY1305_SHA256, crypto.SHA256, AuthPSK, false, 32, 12, chachaLimit, chacha20poly1305.New},
	{iana.TLS_PSK_WITH_AES_128_CCM, crypto.SHA256, AuthPSK, false, 16, 4, blockLimit12, newCCM},
	{iana.TLS_PSK_WITH_AES_256_CCM, crypto.SHA256, AuthPSK, false, 32, 4, blockLimit12, newCCM},
	{iana.TLS_PSK_WITH_AES_128_CCM_8, crypto.SHA256, AuthPSK, false, 16, 4, blockLimit12, newCCM8},
	{iana.TLS_PSK_WITH_AES_256_CCM_8, crypto.SHA256, AuthPSK, false, 32, 4, blockLimit12, newCCM8},
}

// TLS12 returns the row of a TLS 1.2 cipher suite, or nil if there is none.
func TLS12(id iana.CipherSuite) *Suite12 {
	return find(tls12, func(s *Suite12) bool { return s.ID == id })
}

// Default12 lists the TLS 1.2 cipher suites with certificates in the default
// order of preference. AES-CCM has to be asked for.
func Default12() []iana.CipherSuite {
	return []iana.CipherSuite{
		iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		iana.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		iana.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// DefaultPSK12 lists the TLS 1.2 cipher suites with pre-shared keys in the
// default order: those with a key exchange, and those without, which give up
// forward secrecy.
func DefaultPSK12() (ecdhe, plain []iana.CipherSuite) {
	return []iana.CipherSuite{
			iana.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256,
			iana.TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384,
			iana.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
		}, []iana.CipherSuite{
			iana.TLS_PSK_WITH_AES_128_GCM_SHA256,
			iana.TLS_PSK_WITH_AES_256_GCM_SHA384,
			iana.TLS_PSK_WITH_CHACHA20_POLY1305_SHA256,
		}
}

// Auth12 returns which suites of TLS 1.2 the scheme can be used with: 0 for none.
func (s *Scheme) Auth12() Auth {
	switch s.kind {
	case kindECDSA, kindEd25519:
		return AuthECDSA
	case kindMLDSA:
		return 0
	}
	return AuthRSA
}

func newCCM(key []byte) (cipher.AEAD, error)  { return ccmWithTag(key, 16) }
func newCCM8(key []byte) (cipher.AEAD, error) { return ccmWithTag(key, 8) }

func ccmWithTag(key []byte, tagLen int) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return ccm.New(block, IVLen, tagLen)
}
