package trust

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"
)

// shown is a key of a test whose certificate shows another public key.
type shown struct {
	crypto.Signer
	public crypto.PublicKey
}

func (s shown) Public() crypto.PublicKey { return s.public }

// costlyKey is an RSA key as large as a certificate may bring: to verify one
// signature with it takes seconds.
func costlyKey(t testing.TB) crypto.Signer {
	n := new(big.Int).Lsh(big.NewInt(1), 500_000-1)
	return shown{newKey(t), &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 1<<31 - 1}}
}

// named stands for a certificate as the issuer of others, with any kind of key.
func named(n *node) *node {
	return &node{&x509.Certificate{Subject: n.Subject, RawSubject: n.RawSubject}, n.key.(shown).Signer}
}

// TestCostlyKeys has a key that is too large in each place where a certificate
// brings one. Each is refused for its size, so before a signature is verified
// with it: an error about a signature would show that it was.
func TestCostlyKeys(t *testing.T) {
	h := newHouse(t)
	inter := issue(t, h.root, costlyKey(t), authority("Costly"))
	below := issue(t, named(inter), nil, server("example.org"))
	leaf := issue(t, h.inter, costlyKey(t), server("example.org"))
	spki, err := x509.MarshalPKIXPublicKey(costlyKey(t).Public())
	if err != nil {
		t.Fatal(err)
	}
	roots, pins := rootsOf(t, h.root), []Pin{PinOf(leaf.Certificate)}
	for name, tc := range map[string]struct {
		policy Policy
		peer   Peer
	}{
		"leaf":         {Policy{Roots: roots}, Peer{Chain: chainOf(leaf, h.inter)}},
		"intermediate": {Policy{Roots: roots}, Peer{Chain: chainOf(below, inter)}},
		"bystander":    {Policy{Roots: roots}, Peer{Chain: chainOf(h.leaf, h.inter, inter)}},
		"pinned leaf":  {Policy{PinOnly: true, Pins: pins}, Peer{Chain: chainOf(leaf)}},
		"insecure":     {Policy{Insecure: true}, Peer{Chain: chainOf(leaf)}},
		"pinned key":   {Policy{Pins: []Pin{pinOf(spki)}}, Peer{RawPublicKey: spki}},
	} {
		tc.peer.Server, tc.peer.Name, tc.peer.Now = true, "example.org", noon
		_, err := tc.policy.Verify(context.Background(), &tc.peer)
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeWeakKey || !strings.Contains(err.Error(), "500000 bits") {
			t.Errorf("%s: %v", name, err)
		}
	}
	var e *Error
	if err := new(Roots).AddDER(inter.Raw); !errors.As(err, &e) || e.Code != CodeWeakKey {
		t.Errorf("a root: %v", err)
	}
}
