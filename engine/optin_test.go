package engine

import (
	"slices"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// optInGroups are classical groups that have to be asked for.
var optInGroups = []iana.NamedGroup{
	iana.X448, iana.FFDHE2048, iana.FFDHE3072, iana.FFDHE4096, iana.FFDHE6144, iana.FFDHE8192,
}

// TestOptInGroups has a handshake in each of them, with and without a HelloRetryRequest, and
// a resumption.
func TestOptInGroups(t *testing.T) {
	for _, group := range optInGroups {
		if testing.Short() && group > iana.FFDHE3072 {
			continue // some hundred milliseconds each
		}
		for _, retry := range []bool{false, true} {
			client, server := resumable(t)
			client.Groups, server.Groups = []iana.NamedGroup{group}, []iana.NamedGroup{group}
			client.MinVersion, client.Session = iana.TLS13, nil
			if retry {
				client.Groups = []iana.NamedGroup{iana.X25519, group}
			}
			c, s := newPair(t, client, server)
			if err := pump(c, s); err != nil {
				t.Fatalf("%v: %v", group, err)
			}
			for _, e := range []*side{c, s} {
				if got := e.r.State(); got.Group != group || got.Retried != retry {
					t.Errorf("%v, retry %v: %v, %v", group, retry, got.Group, got.Retried)
				}
			}
			send(t, c, s, "from the client")
			send(t, s, c, "from the server")
			client.Session = c.sessions[0]
			c, s = newPair(t, client, server)
			if err := pump(c, s); err != nil || !s.r.State().Resumed || s.r.State().Group != group {
				t.Errorf("%v: not resumed: %v", group, err)
			}
		}
	}
}

// TestGroupsAreOptIn: neither side offers or takes such a group unless its configuration
// names it.
func TestGroupsAreOptIn(t *testing.T) {
	for _, group := range optInGroups {
		only := []iana.NamedGroup{group}
		for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
			s := newServer(t, &config{})
			s.in = handMade(t, &config{Verifier: acceptAll{}, MinVersion: version, MaxVersion: version},
				func(h *wire.ClientHello) {
					if slices.Contains(h.SupportedGroups, group) {
						t.Errorf("a client offers %v", group)
					}
					h.SupportedGroups, h.KeyShares = only, []wire.KeyShare{}
				})
			_, err := s.step()
			refuses(t, err, iana.AlertHandshakeFailure)
		}
	}
}

// TestX448InTLS12 has a handshake of TLS 1.2 with X448. RFC 8422, Section 5.1.1.
func TestX448InTLS12(t *testing.T) {
	groups := []iana.NamedGroup{iana.X448, iana.SecP256r1} // P-256 for the certificate
	c, s := newPair(t,
		&config{Verifier: acceptAll{}, MaxVersion: iana.TLS12, Groups: groups},
		&config{Credentials: []*Credential{newCredential(t, nil)}, Groups: groups})
	if err := pump(c, s); err != nil || s.r.State().Group != iana.X448 {
		t.Fatalf("%v, %v", s.r.State().Group, err)
	}
	send(t, c, s, "from the client")
	send(t, s, c, "from the server")
}

// TestFiniteFieldInTLS12: the ECDHE suites of TLS 1.2 use no finite field, and there is no
// suite that does.
func TestFiniteFieldInTLS12(t *testing.T) {
	groups := []iana.NamedGroup{iana.FFDHE2048, iana.SecP256r1}
	s := newServer(t, &config{Groups: groups[:1]})
	client := &config{Verifier: acceptAll{}, MaxVersion: iana.TLS12, Groups: groups}
	s.in = handMade(t, client, func(h *wire.ClientHello) {
		if slices.Contains(h.SupportedGroups, iana.FFDHE2048) {
			t.Error("a client that has TLS 1.2 alone offers a finite field")
		}
		h.SupportedGroups = groups
	})
	_, err := s.step()
	refuses(t, err, iana.AlertHandshakeFailure)
}

// TestHostileOptInShares: a share that its group forbids ends in illegal_parameter. RFC
// 9846, Sections 4.2.8.1 and 7.4.2.
func TestHostileOptInShares(t *testing.T) {
	for _, c := range []struct {
		group iana.NamedGroup
		size  int
		last  byte
	}{
		{iana.FFDHE2048, 256, 0}, {iana.FFDHE2048, 256, 1}, {iana.FFDHE2048, 255, 2},
		{iana.FFDHE2048, 257, 2}, {iana.FFDHE8192, 1024, 1}, {iana.FFDHE8192, 1, 2},
		{iana.X448, 56, 0}, {iana.X448, 55, 2}, {iana.X448, 57, 2},
	} {
		share := make([]byte, c.size)
		share[c.size-1] = c.last
		groups := []iana.NamedGroup{c.group}
		s := newServer(t, &config{Groups: groups})
		s.in = handMade(t, &config{Verifier: acceptAll{}, MinVersion: iana.TLS13},
			func(h *wire.ClientHello) {
				h.SupportedGroups = groups
				h.KeyShares = []wire.KeyShare{{Group: c.group, Data: share}}
			})
		_, err := s.step()
		refusesFor(t, err, iana.AlertIllegalParameter, "'s key share is invalid")

		client := &config{Verifier: acceptAll{}, Groups: groups, MinVersion: iana.TLS13}
		cl, sv := newPair(t, client, &config{
			Groups: groups, Credentials: []*Credential{newCredential(t, nil)},
		})
		err = rewrittenPair(cl, sv, true, func(raw []byte) []byte {
			if iana.HandshakeType(raw[0]) != iana.HandshakeServerHello {
				return raw
			}
			h, err := wire.ParseServerHello(raw[wire.HeaderLen:])
			if err != nil {
				t.Fatal(err)
			}
			h.KeyShare.Data = share
			return appended(t, h)
		})
		refusesFor(t, err, iana.AlertIllegalParameter, "'s key share is invalid")
	}
}
