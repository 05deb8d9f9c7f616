package main

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"time"

	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// rawSource shows the bare key of each identity of another source.
type rawSource struct{ identity.Source }

// Identity implements identity.Source.
func (s rawSource) Identity() *identity.Identity { return asRawKey(s.Source.Identity()) }

// asRawKey returns an identity that shows its bare key to peers that take one. RFC 7250.
func asRawKey(id *identity.Identity) *identity.Identity {
	raw := *id
	raw.RawPublicKey = true
	return &raw
}

// loadKeyOnly makes an identity of a key without a certificate. Peers that do not take
// the bare key see a certificate that the key has signed for itself, which they can
// accept by the same pin.
func loadKeyOnly(keyFile string, options []identity.Option, names ...string) (*identity.Identity, error) {
	key, err := identity.LoadKey(keyFile, options...)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "raw public key"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, failed(err, "--key %s cannot sign: %v", keyFile, err).hinted("give an ECDSA, Ed25519, ML-DSA or RSA key")
	}
	id, err := identity.New([][]byte{der}, key)
	if err != nil {
		return nil, err
	}
	id.Notes = nil // about the certificate, which was made here
	return asRawKey(id), nil
}

// fixed is an identity that does not change.
type fixed struct{ id *identity.Identity }

// Identity implements identity.Source.
func (f fixed) Identity() *identity.Identity { return f.id }

// pinOfRaw is the pin of a raw public key, a SubjectPublicKeyInfo in DER.
func pinOfRaw(spki []byte) trust.Pin { return sha256.Sum256(spki) }
