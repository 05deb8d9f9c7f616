package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// noon is the time at which the tests' certificates are valid.
var noon = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

var lastSerial atomic.Int64

// node is a certificate of a test with its key.
type node struct {
	*x509.Certificate
	key crypto.Signer
}

// change edits a template before it is signed.
type change func(*certificate)

type certificate = x509.Certificate

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue makes a certificate signed by parent, or by itself if parent is nil.
func issue(t testing.TB, parent *node, key crypto.Signer, changes ...change) *node {
	t.Helper()
	if key == nil {
		key = newKey(t)
	}
	c := &x509.Certificate{
		SerialNumber:          big.NewInt(lastSerial.Add(1)),
		NotBefore:             noon.AddDate(-1, 0, 0),
		NotAfter:              noon.AddDate(1, 0, 0),
		BasicConstraintsValid: true,
	}
	for _, change := range changes {
		change(c)
	}
	signer, by := key, c
	if parent != nil {
		signer, by = parent.key, parent.Certificate
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &node{Certificate: made, key: key}
}

func authority(name string) change {
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: name}
		c.IsCA = true
		c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
}

func server(names ...string) change {
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: names[0]}
		c.KeyUsage = x509.KeyUsageDigitalSignature
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		for _, n := range names {
			if ip := net.ParseIP(n); ip != nil {
				c.IPAddresses = append(c.IPAddresses, ip)
			} else {
				c.DNSNames = append(c.DNSNames, n)
			}
		}
	}
}

func client(name string) change {
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: name}
		c.KeyUsage = x509.KeyUsageDigitalSignature
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
}

func dates(from, to time.Time) change {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, to }
}

func rootsOf(t testing.TB, nodes ...*node) *Roots {
	t.Helper()
	r := new(Roots)
	for _, n := range nodes {
		if err := r.AddDER(n.Raw); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func chainOf(nodes ...*node) [][]byte {
	var chain [][]byte
	for _, n := range nodes {
		chain = append(chain, n.Raw)
	}
	return chain
}

func critical(c *x509.Certificate) {
	c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}})
}

// featureExtension promises a staple (RFC 7633).
var featureExtension = pkix.Extension{Id: []int{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 3, 2, 1, 5}}
