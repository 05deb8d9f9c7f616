// Package pkcs12 links the library that decrypts PKCS #12 files (.p12, .pfx). Package
// identity reads and writes such files only in a program that imports this package:
//
//	import _ "github.com/sealsock/sealsock/identity/pkcs12"
package pkcs12

import (
	"crypto/x509"
	"errors"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/sealsock/sealsock/internal/linked"
)

func init() {
	linked.DecodePKCS12 = decode
	linked.EncodePKCS12 = pkcs12.Modern2023.WithIterations(100_000).Encode
}

func decode(data []byte, password string) (any, *x509.Certificate, []*x509.Certificate, error) {
	key, leaf, authorities, err := pkcs12.DecodeChain(data, password)
	var missing pkcs12.NotImplementedError
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		err = fmt.Errorf("%w: %w", linked.ErrPassword, err)
	case errors.As(err, &missing):
		err = fmt.Errorf("%w: %w", linked.ErrCipher, err)
	}
	return key, leaf, authorities, err
}
