package sealsock_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// TestCheckDelegation holds delegated credentials against what a Config checks of them. RFC 9345,
// Sections 4.1.3 and 4.2.
func TestCheckDelegation(t *testing.T) {
	spki, err := x509.MarshalPKIXPublicKey(testcert.NewKey("p256").Public())
	if err != nil {
		t.Fatal(err)
	}
	n := new(big.Int).Lsh(big.NewInt(1), 1023)
	weak, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		leaf func(*x509.Certificate)
		spki []byte
		at   time.Duration // after notBefore
		ends time.Duration
		good bool
	}{
		"good":               {at: 9 * day, ends: 10 * day, good: true},
		"for seven days":     {at: 3 * day, ends: 10 * day, good: true},
		"for more than that": {at: 3*day - time.Second, ends: 10 * day},
		"at its end":         {at: 10 * day, ends: 10 * day},
		"after its end":      {at: 11 * day, ends: 10 * day},
		"without permission": {leaf: func(c *x509.Certificate) { c.ExtraExtensions = nil },
			at: 9 * day, ends: 10 * day},
		"without signatures": {at: 9 * day, ends: 10 * day,
			leaf: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }},
		"without a key usage": {leaf: func(c *x509.Certificate) { c.KeyUsage = 0 },
			at: 9 * day, ends: 10 * day},
		"a weak key": {spki: weak, at: 9 * day, ends: 10 * day},
		"no key":     {spki: []byte("x"), at: 9 * day, ends: 10 * day},
	} {
		if c.spki == nil {
			c.spki = spki
		}
		leaf := delegating(t, c.leaf)
		d := &engine.Delegation{ValidTime: uint32(c.ends / time.Second), SPKI: c.spki}
		err := sealsock.CheckDelegation(d, &trust.Result{Leaf: leaf}, leaf.NotBefore.Add(c.at))
		var refused *engine.Error
		switch {
		case c.good && (err != nil || d.PublicKey == nil):
			t.Errorf("%s: %v, the key is %v", name, err, d.PublicKey)
		case !c.good && (!errors.As(err, &refused) || refused.Alert != iana.AlertIllegalParameter):
			t.Errorf("%s: %v", name, err)
		}
	}
	if sealsock.CheckDelegation(&engine.Delegation{}, &trust.Result{}, time.Now()) == nil {
		t.Error("without a certificate")
	}
}

// delegating returns a certificate that allows delegation, and is changed then.
func delegating(t *testing.T, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	key := testcert.NewKey("p256")
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Truncate(time.Second), NotAfter: time.Now().Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{
			Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 44363, 44}, Value: []byte{5, 0},
		}},
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}
