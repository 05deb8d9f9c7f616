package measure

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// Host is the name in the certificates.
const Host = "bench.example"

// Material is the certificate of a server, of one kind of key and length of chain, and its
// root.
type Material struct {
	Root  []byte   // DER
	Chain [][]byte // DER, the leaf first
	Key   crypto.Signer

	roots    *trust.Roots
	identity *identity.Identity
	pool     *x509.CertPool
	cert     tls.Certificate
}

var made sync.Map // of *Material by kind

// MaterialFor returns the certificate of a kind. It makes one of each.
func MaterialFor(key string, length int) (*Material, error) {
	kind := fmt.Sprintf("%s %d", key, length)
	if m, ok := made.Load(kind); ok {
		return m.(*Material), nil
	}
	m, err := makeMaterial(key, length)
	if err == nil {
		made.Store(kind, m)
	}
	return m, err
}

func makeMaterial(key string, length int) (*Material, error) {
	issuer, err := newKey("p256")
	if strings.HasPrefix(key, "mldsa") { // a chain is worth its weakest signature
		issuer, err = newKey(key)
	}
	if err != nil {
		return nil, err
	}
	root, rootDER, err := issue(nil, issuer, issuer.Public(), 1)
	if err != nil {
		return nil, err
	}
	m := &Material{Root: rootDER, roots: new(trust.Roots), pool: x509.NewCertPool()}
	parent := root
	for i := 1; i < length; i++ {
		own, err := newKey("p256")
		if err != nil {
			return nil, err
		}
		next, der, err := issue(parent, issuer, own.Public(), int64(1+i))
		if err != nil {
			return nil, err
		}
		m.Chain = append([][]byte{der}, m.Chain...)
		parent, issuer = next, own
	}
	if m.Key, err = newKey(key); err != nil {
		return nil, err
	}
	_, leaf, err := issue(parent, issuer, m.Key.Public(), 0)
	if err != nil {
		return nil, err
	}
	m.Chain = append([][]byte{leaf}, m.Chain...)
	m.pool.AddCert(root)
	m.cert = tls.Certificate{Certificate: m.Chain, PrivateKey: m.Key}
	if err := m.roots.AddDER(rootDER); err != nil {
		return nil, err
	}
	m.identity, err = identity.New(m.Chain, m.Key)
	return m, err
}

func newKey(kind string) (crypto.Signer, error) {
	switch kind {
	case "rsa":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "mldsa44":
		return mldsa.GenerateKey(mldsa.MLDSA44())
	case "mldsa65":
		return mldsa.GenerateKey(mldsa.MLDSA65())
	case "mldsa87":
		return mldsa.GenerateKey(mldsa.MLDSA87())
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// issue makes an authority, or a leaf if serial is 0.
func issue(
	parent *x509.Certificate, issuer crypto.Signer, pub crypto.PublicKey, serial int64,
) (*x509.Certificate, []byte, error) {
	t := &x509.Certificate{
		SerialNumber: big.NewInt(serial + 1), BasicConstraintsValid: true,
		Subject: pkix.Name{CommonName: fmt.Sprintf("bench authority %d", serial)}, IsCA: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign,
	}
	if serial == 0 {
		t.IsCA, t.Subject, t.DNSNames = false, pkix.Name{CommonName: Host}, []string{Host}
		t.KeyUsage = x509.KeyUsageDigitalSignature
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if parent == nil {
		parent = t
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, pub, issuer)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, der, err
}
