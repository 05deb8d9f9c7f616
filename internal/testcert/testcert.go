// Package testcert makes certificates for tests and examples, in memory.
package testcert

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"
)

// A CA is a root that signs leaves.
type CA struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

// rsaKey returns the one RSA key of all tests, which may run at once. Generating it is slow.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	return must(rsa.GenerateKey(rand.Reader, 2048))
})

// NewKey makes a key: "p256", "p384", "p521", "ed25519", "mldsa44", "mldsa65",
// "mldsa87" or "rsa" (one for all).
func NewKey(kind string) crypto.Signer {
	switch kind {
	case "p256":
		return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	case "p384":
		return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	case "p521":
		return must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return must(key, err)
	case "mldsa44":
		return must(mldsa.GenerateKey(mldsa.MLDSA44()))
	case "mldsa65":
		return must(mldsa.GenerateKey(mldsa.MLDSA65()))
	case "mldsa87":
		return must(mldsa.GenerateKey(mldsa.MLDSA87()))
	case "rsa":
		return rsaKey()
	}
	panic(fmt.Sprintf("testcert: no key of kind %q", kind))
}

// New makes a root with an ECDSA key, valid for a day.
func New() *CA { return NewNamed("test root") }

// NewNamed makes a root with the given name.
func NewNamed(name string) *CA { return NewWithKey(name, NewKey("p256")) }

// NewWithKey makes a root with the given name and key.
func NewWithKey(name string, key crypto.Signer) *CA {
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der := must(x509.CreateCertificate(rand.Reader, t, t, key.Public(), key))
	return &CA{Cert: must(x509.ParseCertificate(der)), Key: key}
}

// A Leaf is a certificate and its key.
type Leaf struct {
	Chain [][]byte // DER; the leaf alone
	Key   crypto.Signer
}

// Issue makes a leaf for names, DNS names or IP addresses, good for server and
// client. change, if not nil, may modify the template before it is signed.
func (ca *CA) Issue(key crypto.Signer, change func(*x509.Certificate), names ...string) *Leaf {
	t := &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, big.NewInt(1<<62))), Subject: pkix.Name{CommonName: "test leaf"},
		NotBefore: ca.Cert.NotBefore, NotAfter: ca.Cert.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	if change != nil {
		change(t)
	}
	der := must(x509.CreateCertificate(rand.Reader, t, ca.Cert, key.Public(), ca.Key))
	return &Leaf{Chain: [][]byte{der}, Key: key}
}

// PEM returns the root as PEM.
func (ca *CA) PEM() []byte { return encode("CERTIFICATE", ca.Cert.Raw) }

// CertPEM returns the chain as PEM.
func (l *Leaf) CertPEM() []byte {
	var b []byte
	for _, der := range l.Chain {
		b = append(b, encode("CERTIFICATE", der)...)
	}
	return b
}

// KeyPEM returns the key as PKCS #8 in PEM.
func (l *Leaf) KeyPEM() []byte {
	return encode("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(l.Key)))
}

func encode(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
