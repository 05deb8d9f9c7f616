package trust

import (
	"errors"
	"path/filepath"
	"testing"
)

// TestECHRejectedWaivesNothing: the public name of Encrypted ClientHello has to be proved under
// each policy. RFC 9849, Section 6.1.7.
func TestECHRejectedWaivesNothing(t *testing.T) {
	h, alone := newHouse(t), issue(t, nil, nil, server("example.org"))
	known, err := OpenKnownPeers(filepath.Join(t.TempDir(), "known"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		policy Policy
		leaf   *node // of a server without a root, or nil
		want   Code
	}{
		"Insecure":   {Policy{Insecure: true}, alone, CodeSelfSigned},
		"AnyName":    {Policy{AnyName: true}, nil, CodePublicName},
		"KnownPeers": {Policy{KnownPeers: known}, alone, CodeSelfSigned},
	} {
		c.policy.Roots = rootsOf(t, h.root)
		peer := h.peer()
		if peer.Name = "public.test"; c.leaf != nil {
			peer.Name, peer.Chain = "example.org", chainOf(c.leaf)
		}
		if _, err := c.policy.Verify(t.Context(), peer); err != nil {
			t.Errorf("%s, otherwise: %v", name, err)
		}
		peer.ECHRejected = true
		var e *Error
		if _, err := c.policy.Verify(t.Context(), peer); !errors.As(err, &e) || e.Code != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKnownClients: a file of known peers accepts no client, whose key would be known by no name.
func TestKnownClients(t *testing.T) {
	known, err := OpenKnownPeers(filepath.Join(t.TempDir(), "known"), nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf := issue(t, nil, nil, server("example.org"))
	p := Policy{Roots: rootsOf(t, newHouse(t).root), KnownPeers: known}
	peer := &Peer{Name: "example.org", RawPublicKey: leaf.RawSubjectPublicKeyInfo, Now: noon}
	for _, isServer := range []bool{false, true} {
		peer.Server = isServer
		if _, err := p.Verify(t.Context(), peer); (err == nil) != isServer {
			t.Errorf("a server: %v, %v", isServer, err)
		}
	}
}
