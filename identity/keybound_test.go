package identity

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"

	_ "github.com/sealsock/sealsock/identity/pkcs12"
	"github.com/sealsock/sealsock/internal/testcert"
	"software.sslmate.com/src/go-pkcs12"
)

// TestCostlyAuthority has a chain, in PEM and in PKCS#12, with an authority whose
// signatures take seconds to verify. It is refused for its size, where an error
// about the chain, or none, would show that a signature was verified.
func TestCostlyAuthority(t *testing.T) {
	ca := testcert.NewNamed("Costly")
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "a.test")
	n := new(big.Int).Lsh(big.NewInt(1), 262_144-1)
	costly := &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 1<<31 - 1}
	named := &x509.Certificate{Subject: ca.Cert.Subject}
	der, err := x509.CreateCertificate(rand.Reader, ca.Cert, named, costly, testcert.NewKey("p256"))
	if err != nil {
		t.Fatal(err)
	}
	authority, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	own, err := x509.ParseCertificate(leaf.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	file, err := pkcs12.Modern2023.Encode(leaf.Key, own, []*x509.Certificate{authority}, "")
	if err != nil {
		t.Fatal(err)
	}
	text := append(leaf.CertPEM(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	_, fromPEM := Parse(text, leaf.KeyPEM())
	_, fromFile := ParsePKCS12(file)
	for name, err := range map[string]error{"PEM": fromPEM, "PKCS#12": fromFile} {
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeWeakKey || !strings.Contains(err.Error(), "262144 bits") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
