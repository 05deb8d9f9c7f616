package sealsock_test

import (
	"bytes"
	"context"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// TestPostQuantum: what resists a quantum computer, and what would change it.
func TestPostQuantum(t *testing.T) {
	old := sealsock.Config{}
	old.Groups = []iana.NamedGroup{iana.X25519}
	tls12 := sealsock.Config{}
	tls12.MaxVersion = iana.TLS12
	psk := engine.NewPSK([]byte("device"), bytes.Repeat([]byte{1}, 32))
	shared := sealsock.Config{PSKOnly: true}
	shared.PSKs, shared.Groups = []*engine.PSK{psk}, old.Groups
	for name, c := range map[string]struct {
		root, key, clientKey string
		client               sealsock.Config
		keys, proof          bool
		change               string // words of all advice, in order
	}{
		"all": {root: "mldsa65", key: "mldsa44", keys: true, proof: true},
		"both sides": {root: "mldsa65", key: "mldsa44", clientKey: "mldsa44",
			keys: true, proof: true},
		"classical client": {root: "mldsa65", key: "mldsa44", clientKey: "p256", keys: true,
			change: "on this side"},
		"classical root": {root: "p256", key: "mldsa44", keys: true, change: "in the peer's chain"},
		"classical key":  {root: "mldsa65", key: "p256", keys: true, change: "give the peer"},
		"classical exchange": {root: "mldsa65", key: "mldsa44", client: old, proof: true,
			change: "X25519MLKEM768"},
		"TLS 1.2": {root: "p256", key: "p256", client: tls12,
			change: "TLS 1.3|give the peer|chain"},
		"pre-shared key": {root: "p256", key: "p256", client: shared, keys: true, proof: true},
	} {
		ca := testcert.NewWithKey("root", testcert.NewKey(c.root))
		roots := new(trust.Roots)
		if err := roots.AddDER(ca.Cert.Raw); err != nil {
			t.Fatal(err)
		}
		server := &sealsock.Config{Identities: identities(t, ca, c.key),
			Trust: &trust.Policy{Roots: roots, Purpose: trust.PurposeAny}}
		server.FindPSK = func(context.Context, []byte) (*engine.PSK, error) { return psk, nil }
		client := &c.client
		if !client.PSKOnly {
			client.ServerName, client.Trust = "localhost", &trust.Policy{Roots: roots}
		}
		if c.clientKey != "" {
			server.ClientAuth, client.Identities = sealsock.RequireClientCert, identities(t, ca, c.clientKey)
		}
		a, b := net.Pipe()
		s, err := sealsock.Server(a, server)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := sealsock.Client(b, client)
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.PostQuantum(); got.KeyExchange || got.Authentication || got.ToChange != nil {
			t.Errorf("%s, before the handshake: %+v", name, got)
		}
		go func() { _ = s.HandshakeContext(context.Background()); _, _ = s.Read(make([]byte, 1)) }()
		if err := conn.HandshakeContext(context.Background()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := conn.PostQuantum()
		words := slices.DeleteFunc(strings.Split(c.change, "|"), func(s string) bool { return s == "" })
		if got.KeyExchange != c.keys || got.Authentication != c.proof ||
			len(got.ToChange) != len(words) {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		for i, word := range words {
			if !strings.Contains(got.ToChange[i], word) {
				t.Errorf("%s: %q is not about %q", name, got.ToChange[i], word)
			}
		}
		a.Close()
	}
}

// identities makes a certificate for localhost with a key of a kind.
func identities(t *testing.T, ca *testcert.CA, kind string) []*identity.Identity {
	t.Helper()
	leaf := ca.Issue(testcert.NewKey(kind), nil, "localhost")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	return []*identity.Identity{id}
}
