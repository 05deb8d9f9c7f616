package engine

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// memory is Tickets and AntiReplay for tests.
type memory struct {
	sessions map[string][]byte
	seen     map[string]bool
}

func newMemory() *memory {
	return &memory{sessions: map[string][]byte{}, seen: map[string]bool{}}
}

func (m *memory) Issue(s *Session) ([]byte, error) {
	b, err := s.Marshal()
	ticket := fmt.Sprintf("ticket %d", len(m.sessions))
	m.sessions[ticket] = b
	return []byte(ticket), err
}

func (m *memory) Redeem(ticket []byte) (*Session, error) {
	b, ok := m.sessions[string(ticket)]
	if !ok {
		return nil, nil
	}
	return ParseSession(b)
}

func (m *memory) Fresh(id []byte, _ time.Time) bool {
	fresh := !m.seen[string(id)]
	m.seen[string(id)] = true
	return fresh
}

// resumable returns configurations whose connections can be resumed, and a
// session.
func resumable(t *testing.T) (client, server *config) {
	t.Helper()
	m := newMemory()
	now := func() time.Time { return time.Unix(1_000_000_000, 0) }
	client = &config{Verifier: acceptAll{}, Now: now, ServerName: "example.com", ALPN: []string{"x"}}
	server = &config{
		Credentials: []*Credential{newCredential(t, nil)}, Now: now, ALPN: []string{"x"},
		Tickets: m, AntiReplay: m, MaxEarlyData: 1000,
	}
	c, s := newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	if len(c.sessions) != defaultTickets {
		t.Fatalf("%d tickets came", len(c.sessions))
	}
	client.Session = c.sessions[0]
	return client, server
}

func TestResumption(t *testing.T) {
	for _, change := range []struct {
		name    string
		with    func(c, s *config)
		resumed bool
	}{
		{"as is", func(_, _ *config) {}, true},
		{"with a retry", func(c, _ *config) { c.KeyShares = []iana.NamedGroup{} }, true},
		{"psk_ke allowed", func(c, s *config) { c.PSKWithoutDHE, s.PSKWithoutDHE = true, true }, true},
		{"another suite with the hash", func(_, s *config) { s.CipherSuites = []iana.CipherSuite{iana.TLS_CHACHA20_POLY1305_SHA256} }, true},
		{"another suite without the hash", func(_, s *config) { s.CipherSuites = []iana.CipherSuite{iana.TLS_AES_256_GCM_SHA384} }, false},
		{"too old", func(c, s *config) {
			c.Now = func() time.Time { return time.Unix(1_000_000_000+86399, 0) }
			s.Now = func() time.Time { return time.Unix(1_000_000_000+86400, 0) }
		}, false},
		{"another name", func(c, _ *config) { c.ServerName = "example.org" }, false},
		{"this connection cannot issue tickets", func(_, s *config) { s.Tickets = nil }, false},
		{"client certificate wanted", func(c, s *config) {
			s.ClientAuth, s.Verifier, c.Credentials = RequireClientCert, acceptAll{}, s.Credentials
		}, false},
	} {
		t.Run(change.name, func(t *testing.T) {
			client, server := resumable(t)
			change.with(client, server)
			c, s := newPair(t, client, server)
			if err := pump(c, s); err != nil {
				t.Fatal(err)
			}
			send(t, c, s, "there")
			send(t, s, c, "and back")
			cs, ss := c.r.State(), s.r.State()
			if cs.Resumed != change.resumed || ss.Resumed != change.resumed {
				t.Errorf("resumed: client %v, server %v", cs.Resumed, ss.Resumed)
			}
			if len(cs.PeerChain) != 1 {
				t.Error("the client does not know the server's certificate")
			}
			a, err := cs.Export("EXPORTER-test", []byte("context"), 40)
			b, err2 := ss.Export("EXPORTER-test", []byte("context"), 40)
			if err != nil || err2 != nil || !bytes.Equal(a, b) {
				t.Errorf("exporters differ: %v %v", err, err2)
			}
		})
	}
}

func TestSessionMarshal(t *testing.T) {
	client, _ := resumable(t)
	b, err := client.Session.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSession(b)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := s.Marshal(); !bytes.Equal(b, again) {
		t.Error("a session changes on its way")
	}
	for i := range b {
		if _, err := ParseSession(b[:i]); err == nil {
			t.Errorf("a session cut to %d bytes is accepted", i)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v %s", s, s, s, s); strings.Contains(text, string(s.secret.bytes())) {
		t.Error("a session prints its secret")
	}
}

func FuzzParseSession(f *testing.F) {
	s := &Session{Version: iana.TLS13, CipherSuite: iana.TLS_AES_128_GCM_SHA256, Created: time.Unix(1, 0), Lifetime: time.Hour, secret: hide([]byte("secret")), Ticket: []byte("ticket"), PeerChain: [][]byte{{1, 2}, {3}}}
	b, _ := s.Marshal()
	f.Add(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSession(data)
		if err != nil {
			return
		}
		again, err := s.Marshal()
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%x becomes %x, %v", data, again, err)
		}
	})
}

func TestEarlyData(t *testing.T) {
	for _, change := range []struct {
		name   string
		with   func(c, s *config)
		accept bool
	}{
		{"as is", func(_, _ *config) {}, true},
		{"no compatibility mode", func(c, _ *config) { c.NoCompatibilityMode = true }, true},
		{"refused by the limit", func(_, s *config) { s.MaxEarlyData = 0 }, false},
		{"refused by a lower limit", func(_, s *config) { s.MaxEarlyData = 999 }, false},
		{"refused without memory", func(_, s *config) { s.AntiReplay = nil }, false},
		{"refused by a retry", func(c, _ *config) { c.KeyShares = []iana.NamedGroup{} }, false},
		{"refused by another protocol", func(c, s *config) { c.ALPN, s.ALPN = []string{"y", "x"}, []string{"y"} }, false},
		{"refused by another suite", func(_, s *config) { s.CipherSuites = []iana.CipherSuite{iana.TLS_CHACHA20_POLY1305_SHA256} }, false},
		{"refused without the ticket", func(_, s *config) { s.Tickets = newMemory() }, false},
		{"refused for its age", func(c, _ *config) { c.Now = func() time.Time { return time.Unix(1_000_000_011, 0) } }, false},
	} {
		t.Run(change.name, func(t *testing.T) {
			client, server := resumable(t)
			client.EarlyData = true
			change.with(client, server)
			c, s := newPair(t, client, server)
			first, err := c.step()
			if err != nil {
				t.Fatal(err)
			}
			if c.s.Early() != 1000 {
				t.Fatalf("%d bytes of early data may be sent", c.s.Early())
			}
			first, err = c.s.Seal(first, []byte("early bird"))
			if err != nil {
				t.Fatal(err)
			}
			s.in = first
			if err := pump(c, s); err != nil {
				t.Fatal(err)
			}
			if got := string(s.early) == "early bird"; got != change.accept {
				t.Errorf("the server has %q", s.early)
			}
			if got := slices.Contains(c.events, EventEarlyAccepted); got != change.accept {
				t.Errorf("accepted: %v", got)
			}
			if got := slices.Contains(c.events, EventEarlyRejected); got == change.accept {
				t.Errorf("rejected: %v", got)
			}
			send(t, c, s, "there")
			send(t, s, c, "and back")
			if string(s.data) != "there" {
				t.Errorf("the server read %q after the handshake", s.data)
			}
		})
	}
}

func TestEarlyDataIsReadOnce(t *testing.T) {
	client, server := resumable(t)
	client.EarlyData = true
	c, s := newPair(t, client, server)
	first, err := c.step()
	if err != nil {
		t.Fatal(err)
	}
	if first, err = c.s.Seal(first, []byte("pay 5")); err != nil {
		t.Fatal(err)
	}
	s.in = bytes.Clone(first)
	if _, err := s.step(); err != nil || string(s.early) != "pay 5" {
		t.Fatalf("the first time: %q, %v", s.early, err)
	}
	_, again := newPair(t, client, server)
	again.in = bytes.Clone(first)
	if _, err := again.step(); err != nil {
		t.Fatal(err)
	}
	if len(again.early) > 0 {
		t.Errorf("the second time the server reads %q too", again.early)
	}
}

func TestTooMuchEarlyData(t *testing.T) {
	client, server := resumable(t)
	client.EarlyData = true
	c, s := newPair(t, client, server)
	first, err := c.step()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.s.Seal(nil, make([]byte, 1001)); err == nil {
		t.Error("a client sends more than it may")
	}
	c.s.early = 2000
	if first, err = c.s.Seal(first, make([]byte, 1001)); err != nil {
		t.Fatal(err)
	}
	s.in = first
	_, err = s.step()
	var e *Error
	if !errors.As(err, &e) || e.Alert != iana.AlertUnexpectedMessage || e.Fault != FaultLimit {
		t.Errorf("the server says %v", err)
	}
}

func TestExternalPSK(t *testing.T) {
	base := NewPSK([]byte("device 7"), bytes.Repeat([]byte{7}, 32))
	imported, err := base.Import([]byte("context"), crypto.SHA384)
	if err != nil {
		t.Fatal(err)
	}
	sha384 := *base
	sha384.Hash = crypto.SHA384
	for _, psk := range []*PSK{base, &sha384, imported} {
		for _, noDHE := range []bool{false, true} {
			find := func(identity []byte) (*PSK, error) {
				if bytes.Equal(identity, psk.Identity) {
					return psk, nil
				}
				return nil, nil
			}
			other := NewPSK([]byte("unknown"), []byte("x"))
			client := &config{PSKs: []*PSK{other, psk}, PSKWithoutDHE: noDHE}
			server := &config{FindPSK: find, PSKWithoutDHE: noDHE}
			c, s := newPair(t, client, server)
			if err := pump(c, s); err != nil {
				t.Fatalf("%v: %v", psk, err)
			}
			send(t, c, s, "there")
			if got := s.r.State().PSKIdentity; !bytes.Equal(got, psk.Identity) {
				t.Errorf("identity is %q", got)
			}
		}
	}
	wrong := NewPSK(base.Identity, []byte("wrong"))
	c, s := newPair(t, &config{PSKs: []*PSK{wrong}}, &config{FindPSK: func([]byte) (*PSK, error) { return base, nil }})
	var e *Error
	if err := pump(c, s); !errors.As(err, &e) {
		t.Errorf("a wrong key is accepted: %v", err)
	}
	c, s = newPair(t, &config{PSKs: []*PSK{base}}, &config{Credentials: []*Credential{newCredential(t, nil)}})
	if err := pump(c, s); err == nil || c.done {
		t.Error("a client without a Verifier accepts a certificate")
	}
	c, s = newPair(t, &config{PSKs: []*PSK{base}}, &config{FindPSK: func([]byte) (*PSK, error) { return nil, nil }})
	if err := pump(c, s); !errors.As(err, &e) || e.Alert != iana.AlertUnknownPSKIdentity {
		t.Errorf("an unknown identity: %v", err)
	}
}

func TestLateAuthentication(t *testing.T) {
	cred := newCredential(t, nil)
	for _, declined := range []bool{false, true} {
		client := &config{Verifier: acceptAll{}, PostHandshakeAuth: true}
		if !declined {
			client.Credentials = []*Credential{cred}
		}
		c, s := newPair(t, client, &config{Verifier: acceptAll{}, Credentials: []*Credential{cred}})
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			for range 2 { // two at once
				out, q, err := s.s.RequestCertificate(nil)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.r.Expect(q); err != nil {
					t.Fatal(err)
				}
				c.in = append(c.in, out...)
			}
			if err := pump(c, s); err != nil {
				t.Fatal(err)
			}
			out, err := c.s.Rekey(nil, true)
			if err != nil {
				t.Fatal(err)
			}
			s.in = append(s.in, out...)
			send(t, c, s, "there")
			send(t, s, c, "and back")
		}
		answers := 0
		for _, k := range s.events {
			if k == EventClientAuth {
				answers++
			}
		}
		if answers != 6 {
			t.Errorf("%d answers came", answers)
		}
		given := 0
		for _, k := range c.events {
			if k == EventAuthAnswered {
				given++
			}
		}
		if given != 6 {
			t.Errorf("the client tells of %d answers", given)
		}
		if got := len(s.r.State().PeerChain) == 0; got != declined {
			t.Errorf("no certificate: %v", got)
		}
	}
	c, s := newPair(t, &config{Verifier: acceptAll{}}, &config{Verifier: acceptAll{}, Credentials: []*Credential{cred}})
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.s.RequestCertificate(nil); err == nil {
		t.Error("a client that does not take late requests is sent one")
	}
}

// TestPSKWithoutCommonGroup: a key that does without a key exchange needs none in
// common; a certificate does, and an unknown key is none. RFC 9846, Section 4.1.1.
func TestPSKWithoutCommonGroup(t *testing.T) {
	psk := NewPSK([]byte("device 7"), bytes.Repeat([]byte{7}, 32))
	x25519, p521 := []iana.NamedGroup{iana.X25519}, []iana.NamedGroup{iana.SecP521r1}
	for _, c := range []struct {
		client, server, known bool
		alert                 iana.Alert
	}{
		{true, true, true, 0},
		{true, true, false, iana.AlertHandshakeFailure},
		{true, false, true, iana.AlertHandshakeFailure},
		{false, true, true, iana.AlertHandshakeFailure},
	} {
		find := func([]byte) (*PSK, error) {
			if c.known {
				return psk, nil
			}
			return nil, nil
		}
		client, server := newPair(t,
			&config{PSKs: []*PSK{psk}, PSKWithoutDHE: c.client, Groups: x25519, Verifier: acceptAll{}},
			&config{FindPSK: find, PSKWithoutDHE: c.server, Groups: p521, Credentials: []*Credential{newCredential(t, nil)}})
		err := pump(client, server)
		if alertOf(err) != c.alert || (err == nil) != (c.alert == 0) {
			t.Errorf("%+v: %v", c, err)
		}
		if err == nil && server.r.State().Group != 0 {
			t.Errorf("%+v: there was a key exchange with %v", c, server.r.State().Group)
		}
	}
}
