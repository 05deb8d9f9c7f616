package identity

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealsock/sealsock/internal/linked"
)

// errNoPKCS12 returns the error of a program without package identity/pkcs12.
func errNoPKCS12(file string) error {
	return &Error{Code: CodeUnsupportedCipher, File: file,
		Detail: "this program has no package for PKCS#12",
		Hint:   `import _ "github.com/sealsock/sealsock/identity/pkcs12", or convert the file: openssl pkcs12 -in FILE -out new.pem`}
}

// LoadPKCS12 reads key and chain from a PKCS#12 file (.p12, .pfx). The program has to
// import package identity/pkcs12 for it.
func LoadPKCS12(file string, options ...Option) (*Identity, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	return parsePKCS12(data, file, options)
}

// ParsePKCS12 does what LoadPKCS12 does with bytes.
func ParsePKCS12(data []byte, options ...Option) (*Identity, error) {
	return parsePKCS12(data, "", options)
}

// EncodePKCS12 writes key and chain as a PKCS#12 file encrypted with AES-256
// and PBKDF2, which OpenSSL 1.1, Windows 10, Java 8u301, macOS 15 and later
// read. The key must be in memory.
func (id *Identity) EncodePKCS12(password string) ([]byte, error) {
	if id == nil || len(id.Chain) == 0 || id.Signer == nil {
		return nil, fmt.Errorf("this Identity has no certificate or no key: %w", os.ErrInvalid)
	}
	if linked.EncodePKCS12 == nil {
		return nil, errNoPKCS12("")
	}
	l := loader{}
	for _, der := range id.Chain {
		if err := l.addCertificate(der, ""); err != nil {
			return nil, err
		}
	}
	return linked.EncodePKCS12(id.Signer.Key(), id.Leaf, l.certs[1:], password)
}

func parsePKCS12(data []byte, file string, options []Option) (*Identity, error) {
	if !isPKCS12(data) {
		if len(data) == 0 {
			return nil, &Error{Code: CodeEmpty, File: file, Hint: "export it again"}
		}
		return parse(data, data, file, file, options)
	}
	l := newLoader(options)
	l.certFile = file
	if err := l.loadPKCS12(data, file); err != nil {
		return nil, err
	}
	return l.build(l.key, file)
}

// IsPKCS12 reports whether data is a PKCS#12 file, by its first bytes.
func IsPKCS12(data []byte) bool { return isPKCS12(data) }

// isPKCS12 reports whether der is a PFX (RFC 7292, Section 4): version 3 and
// a content of type data.
func isPKCS12(der []byte) bool {
	s := cryptobyte.String(der)
	var body, content, oid cryptobyte.String
	var version int
	return s.ReadASN1(&body, asn1.SEQUENCE) && body.ReadASN1Integer(&version) && version == 3 &&
		body.ReadASN1(&content, asn1.SEQUENCE) && content.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER)
}

// loadPKCS12 adds the certificates and the key of a PFX. An empty password is
// tried before one is asked for, since such files are common.
func (l *loader) loadPKCS12(data []byte, file string) error {
	outside, err := checkWork(data, file)
	if err != nil {
		return err
	}
	if err := outside.inside("", file); err != nil {
		return err
	}
	key, leaf, authorities, err := linked.DecodePKCS12(data, "")
	if errors.Is(err, linked.ErrPassword) {
		var password []byte
		if password, err = l.password(file, "a PKCS#12 file"); err != nil {
			return err
		}
		if err := outside.inside(string(password), file); err != nil {
			return err
		}
		key, leaf, authorities, err = linked.DecodePKCS12(data, string(password))
	}
	switch {
	case errors.Is(err, linked.ErrPassword):
		return wrongPassword(file)
	case errors.Is(err, linked.ErrCipher):
		return &Error{Code: CodeUnsupportedCipher, File: file, Err: err,
			Hint: "convert it: openssl pkcs12 -legacy -in FILE -out new.pem"}
	case err != nil:
		return &Error{Code: CodeMalformedKey, File: file, Err: err, Hint: "export the PKCS#12 file again, with one key and its certificate"}
	}
	if l.key, err = usable(key, file); err != nil {
		return err
	}
	for _, c := range append([]*x509.Certificate{leaf}, authorities...) {
		if err := l.addCertificate(c.Raw, file); err != nil {
			return err
		}
	}
	return nil
}
