package authority

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/sealsock/sealsock/internal/pubkey"
)

// ErrCSR is within the error of Issue for a certification request that is none, is damaged, or is
// not signed by its own key.
var ErrCSR = errors.New("the certification request cannot be used")

// parseCSR reads a certification request in PEM or DER, and verifies its signature.
func parseCSR(data []byte) (*x509.CertificateRequest, error) {
	der, err := csrDER(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCSR, err)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil { // its text is about ASN.1, which does not help the user
		return nil, fmt.Errorf("%w: it is cut, damaged, or no request at all (PKCS #10)", ErrCSR)
	}
	// The key comes first: with one that is large enough, to check the
	// signature takes minutes.
	if err := pubkey.Check(csr.PublicKey); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCSR, err)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("%w: it is not signed by its own key: %w", ErrCSR, err)
	}
	return csr, nil
}

// csrDER returns the request of a file in PEM, which may have other parts before it, or else data.
func csrDER(data []byte) ([]byte, error) {
	first := ""
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if strings.HasSuffix(block.Type, "CERTIFICATE REQUEST") { // also NEW CERTIFICATE REQUEST
			return block.Bytes, nil
		}
		if first == "" {
			first = block.Type
		}
	}
	switch {
	case first != "":
		return nil, fmt.Errorf("its PEM is of the kind %q, and not CERTIFICATE REQUEST", first)
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return nil, errors.New("its PEM is cut or damaged")
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errors.New("it is empty")
	}
	return data, nil
}
