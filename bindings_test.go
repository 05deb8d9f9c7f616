package sealsock_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

func TestServerEndPoint(t *testing.T) {
	cc, sc := newConfigs(t)
	a, b := socketPair(t, "tcp")
	client, server := sealPair(t, a, b, cc, sc)
	defer client.Close()
	defer server.Close()
	want := sha256.Sum256(sc.Identities[0].Chain[0])
	theirs, err1 := client.ServerEndPoint()
	ours, err2 := server.ServerEndPoint()
	if err1 != nil || err2 != nil || !bytes.Equal(theirs, want[:]) || !bytes.Equal(ours, want[:]) {
		t.Errorf("%x (%v) and %x (%v), want %x", theirs, err1, ours, err2, want)
	}
}

// TestServerEndPointOfEd25519: RFC 5929, Section 4.1 leaves it undefined.
func TestServerEndPointOfEd25519(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	id, err := identity.New([][]byte{der}, key)
	if err != nil {
		t.Fatal(err)
	}
	cc, sc := newConfigs(t)
	sc.Identities = []*identity.Identity{id}
	cc.Trust = &trust.Policy{Pins: []trust.Pin{trust.PinOf(id.Leaf)}, PinOnly: true}
	a, b := socketPair(t, "tcp")
	client, server := sealPair(t, a, b, cc, sc)
	defer client.Close()
	defer server.Close()
	if _, err := client.ServerEndPoint(); err == nil || !strings.Contains(err.Error(), "Ed25519") {
		t.Errorf("got %v", err)
	}
}
