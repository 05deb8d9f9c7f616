package identity

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/scrypt"
)

// The cost of a key that EncodeKey encrypts: the 16 MiB of memory that OpenSSL allows without an
// option, four times.
const (
	scryptCost     = 1 << 14
	scryptSize     = 8
	scryptParallel = 4
	saltSize       = 16
)

const (
	oidAES256CBC = "\x60\x86\x48\x01\x65\x03\x04\x01\x2a"
	aes256       = 32 // bytes of a key
)

// EncodeKey returns a private key in PEM, as PKCS #8 that a password encrypts: PBES2 with scrypt
// and AES-256-CBC. RFC 5958, Section 3, and RFC 7914, Section 7. [ParseKey] and OpenSSL read it.
func EncodeKey(key crypto.PrivateKey, password []byte) ([]byte, error) {
	if len(password) == 0 {
		return nil, errors.New("identity: a key is not encrypted with an empty password")
	}
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	defer func() { clear(plain) }()
	var salt [saltSize]byte
	var iv [aes.BlockSize]byte
	rand.Read(salt[:]) // never fails
	rand.Read(iv[:])
	secret, err := scrypt.Key(password, salt[:], scryptCost, scryptSize, scryptParallel, aes256)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	fill := aes.BlockSize - len(plain)%aes.BlockSize
	plain = append(plain, bytes.Repeat([]byte{byte(fill)}, fill)...)
	sealed := make([]byte, len(plain))
	cipher.NewCBCEncrypter(block, iv[:]).CryptBlocks(sealed, plain)
	der, err := encryptedKey(salt[:], iv[:], sealed)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}), nil
}

// encryptedKey returns an EncryptedPrivateKeyInfo.
func encryptedKey(salt, iv, sealed []byte) ([]byte, error) {
	oid := func(contents string) func(*cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) { b.AddBytes([]byte(contents)) }
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OBJECT_IDENTIFIER, oid(oidPBES2))
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.OBJECT_IDENTIFIER, oid(oidScrypt))
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1OctetString(salt)
						b.AddASN1Int64(scryptCost)
						b.AddASN1Int64(scryptSize)
						b.AddASN1Int64(scryptParallel)
					})
				})
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.OBJECT_IDENTIFIER, oid(oidAES256CBC))
					b.AddASN1OctetString(iv)
				})
			})
		})
		b.AddASN1OctetString(sealed)
	})
	return b.Bytes()
}
