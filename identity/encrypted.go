package identity

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"hash"

	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // keys of old files are encrypted with it
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // PBKDF2's default in RFC 8018
	"crypto/sha256"
	"crypto/sha512"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/scrypt"

	"github.com/sealsock/sealsock/internal/certtext"
)

// password asks for the password of a file that is encrypted in a certain form.
func (l *loader) password(file, form string) ([]byte, error) {
	if l.ask == nil {
		return nil, &Error{Code: CodeEncrypted, File: file, Detail: form, Hint: "provide its password"}
	}
	password, err := l.ask(file)
	if err != nil {
		return nil, &Error{Code: CodePassword, File: file, Err: err, Hint: "provide its password"}
	}
	return password, nil
}

func wrongPassword(file string) error {
	return &Error{Code: CodeWrongPassword, File: file, Hint: "check the password: letter case, keyboard layout, leading and trailing spaces"}
}

// decryptLegacy decrypts OpenSSL's own encryption of PEM blocks, which derives
// its key with one round of MD5.
func (l *loader) decryptLegacy(b *pem.Block, file string) (crypto.Signer, error) {
	password, err := l.password(file, "a PEM key with the legacy encryption of OpenSSL")
	if err != nil {
		return nil, err
	}
	//lint:ignore SA1019 keys in this form exist, and the holder of the file is not the adversary
	der, err := x509.DecryptPEMBlock(b, password)
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, wrongPassword(file)
	case err != nil:
		return nil, &Error{Code: CodeUnsupportedCipher, File: file, Detail: certtext.Quote(b.Headers["DEK-Info"]), Err: err,
			Hint: "re-encrypt it: openssl pkcs8 -topk8 -in FILE -out new.pem"}
	}
	signer, err := parsePrivate(der, file)
	// The padding of a wrong password looks right one time in 256.
	if e := (*Error)(nil); errors.As(err, &e) && e.Code == CodeMalformedKey {
		return nil, wrongPassword(file)
	}
	return signer, err
}

// isEncryptedPKCS8 reports whether der is an EncryptedPrivateKeyInfo
// (RFC 5958, Section 3): an algorithm and an octet string.
func isEncryptedPKCS8(der []byte) bool {
	s := cryptobyte.String(der)
	var body, algorithm, oid, data cryptobyte.String
	return s.ReadASN1(&body, asn1.SEQUENCE) && s.Empty() && body.ReadASN1(&algorithm, asn1.SEQUENCE) &&
		algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) && body.ReadASN1(&data, asn1.OCTET_STRING) && body.Empty()
}

// decryptPKCS8 decrypts an EncryptedPrivateKeyInfo.
func (l *loader) decryptPKCS8(der []byte, file string) (crypto.Signer, error) {
	s := cryptobyte.String(der)
	var body, algorithm, data cryptobyte.String
	if !s.ReadASN1(&body, asn1.SEQUENCE) || !s.Empty() || !body.ReadASN1(&algorithm, asn1.SEQUENCE) ||
		!body.ReadASN1(&data, asn1.OCTET_STRING) || !body.Empty() {
		return nil, &Error{Code: CodeMalformedKey, File: file, Detail: "its encryption parameters are malformed", Hint: "restore the key from a backup"}
	}
	scheme, err := parseScheme(algorithm)
	if err != nil {
		return nil, &Error{Code: CodeUnsupportedCipher, File: file, Err: err,
			Hint: "re-encrypt it on a machine that can read it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out new.pem"}
	}
	password, err := l.password(file, "a PKCS#8 key")
	if err != nil {
		return nil, err
	}
	plain, ok := scheme.decrypt(password, data)
	if !ok {
		return nil, wrongPassword(file)
	}
	signer, err := parsePrivate(plain, file)
	// The padding of a wrong password looks right one time in 256.
	if e := (*Error)(nil); errors.As(err, &e) && e.Code == CodeMalformedKey {
		return nil, wrongPassword(file)
	}
	return signer, err
}

// scheme is PBES2 (RFC 8018, Section 6.2): a function that makes a key of a
// password, and a cipher in CBC mode.
type scheme struct {
	derive  func(password []byte, length int) ([]byte, error)
	keyBits int
	block   func([]byte) (cipher.Block, error)
	iv      []byte
}

// Object identifiers of encryption, as contents.
const (
	oidPBES2  = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"
	oidPBKDF2 = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c"
	oidScrypt = "\x2b\x06\x01\x04\x01\xda\x47\x04\x0b"
)

var blockCiphers = map[string]struct {
	bits  int
	block func([]byte) (cipher.Block, error)
}{
	"\x60\x86\x48\x01\x65\x03\x04\x01\x02": {128, aes.NewCipher},
	"\x60\x86\x48\x01\x65\x03\x04\x01\x16": {192, aes.NewCipher},
	"\x60\x86\x48\x01\x65\x03\x04\x01\x2a": {256, aes.NewCipher},
	"\x2a\x86\x48\x86\xf7\x0d\x03\x07":     {192, des.NewTripleDESCipher},
}

var pseudoRandom = map[string]func() hash.Hash{
	"\x2a\x86\x48\x86\xf7\x0d\x02\x07": sha1.New,
	"\x2a\x86\x48\x86\xf7\x0d\x02\x08": sha256.New224,
	"\x2a\x86\x48\x86\xf7\x0d\x02\x09": sha256.New,
	"\x2a\x86\x48\x86\xf7\x0d\x02\x0a": sha512.New384,
	"\x2a\x86\x48\x86\xf7\x0d\x02\x0b": sha512.New,
	"\x2a\x86\x48\x86\xf7\x0d\x02\x0d": sha512.New512_256,
}

var errScheme = errors.New("its parameters cannot be read")

func parseScheme(algorithm cryptobyte.String) (*scheme, error) {
	var oid, parameters, kdf, encryption cryptobyte.String
	if !algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
		return nil, errScheme
	}
	if string(oid) != oidPBES2 {
		return nil, errors.New("it uses an older scheme than PBES2, such as PBE with MD5 or RC2")
	}
	if !algorithm.ReadASN1(&parameters, asn1.SEQUENCE) || !parameters.ReadASN1(&kdf, asn1.SEQUENCE) ||
		!parameters.ReadASN1(&encryption, asn1.SEQUENCE) {
		return nil, errScheme
	}
	s := &scheme{}
	var name, iv cryptobyte.String
	if !encryption.ReadASN1(&name, asn1.OBJECT_IDENTIFIER) {
		return nil, errScheme
	}
	c, ok := blockCiphers[string(name)]
	if !ok {
		return nil, errors.New("its cipher is none of AES-128, AES-192, AES-256 and 3DES in CBC mode")
	}
	if !encryption.ReadASN1(&iv, asn1.OCTET_STRING) {
		return nil, errScheme
	}
	s.keyBits, s.block, s.iv = c.bits, c.block, iv
	var err error
	s.derive, err = parseKDF(kdf)
	return s, err
}

func parseKDF(kdf cryptobyte.String) (func([]byte, int) ([]byte, error), error) {
	var oid, parameters cryptobyte.String
	if !kdf.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !kdf.ReadASN1(&parameters, asn1.SEQUENCE) {
		return nil, errScheme
	}
	switch string(oid) {
	case oidPBKDF2:
		return parsePBKDF2(parameters)
	case oidScrypt:
		return parseScrypt(parameters)
	}
	return nil, errors.New("its key derivation is neither PBKDF2 nor scrypt")
}

// The bounds on what a file may make us compute: a few seconds. The time that
// scrypt takes is proportional to the memory that it fills, times its rounds.
const (
	maxIterations = 2_000_000
	maxScrypt     = 256 << 20
)

// parsePBKDF2 reads PBKDF2-params (RFC 8018, Appendix A.2).
func parsePBKDF2(p cryptobyte.String) (func([]byte, int) ([]byte, error), error) {
	var salt, prf, oid cryptobyte.String
	var iterations, length int
	if !p.ReadASN1(&salt, asn1.OCTET_STRING) || !p.ReadASN1Integer(&iterations) {
		return nil, errScheme
	}
	if p.PeekASN1Tag(asn1.INTEGER) && !p.ReadASN1Integer(&length) {
		return nil, errScheme
	}
	if iterations < 1 || iterations > maxIterations {
		return nil, errors.New("it requires more than 2 million iterations of PBKDF2")
	}
	newHash := sha1.New
	if p.PeekASN1Tag(asn1.SEQUENCE) {
		if !p.ReadASN1(&prf, asn1.SEQUENCE) || !prf.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
			return nil, errScheme
		}
		if newHash = pseudoRandom[string(oid)]; newHash == nil {
			return nil, errors.New("its PBKDF2 uses a hash that is not supported")
		}
	}
	return func(password []byte, bits int) ([]byte, error) {
		return pbkdf2.Key(newHash, string(password), salt, iterations, bits/8)
	}, nil
}

// parseScrypt reads scrypt-params (RFC 7914, Section 7.1).
func parseScrypt(p cryptobyte.String) (func([]byte, int) ([]byte, error), error) {
	var salt cryptobyte.String
	var cost, size, parallel int
	if !p.ReadASN1(&salt, asn1.OCTET_STRING) || !p.ReadASN1Integer(&cost) || !p.ReadASN1Integer(&size) || !p.ReadASN1Integer(&parallel) {
		return nil, errScheme
	}
	if cost < 2 || size < 1 || parallel < 1 || cost > maxScrypt/128/size/parallel {
		return nil, errors.New("its scrypt parameters require more than 256 MiB of memory in total")
	}
	return func(password []byte, bits int) ([]byte, error) {
		return scrypt.Key(password, salt, cost, size, parallel, bits/8)
	}, nil
}

// decrypt returns the plain key; false if the padding shows that the password
// is wrong.
func (s *scheme) decrypt(password, data []byte) ([]byte, bool) {
	key, err := s.derive(password, s.keyBits)
	if err != nil {
		return nil, false
	}
	block, err := s.block(key)
	if err != nil || len(s.iv) != block.BlockSize() || len(data) == 0 || len(data)%block.BlockSize() != 0 {
		return nil, false
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, s.iv).CryptBlocks(plain, data)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > block.BlockSize() || pad > len(plain) {
		return nil, false
	}
	for _, b := range plain[len(plain)-pad:] {
		if int(b) != pad {
			return nil, false
		}
	}
	return plain[:len(plain)-pad], true
}
