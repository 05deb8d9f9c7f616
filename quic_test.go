package sealsock_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
)

// A quicPair is two sides of the handshake of a QUIC connection, with what each has had.
type quicPair struct {
	client, server *sealsock.QUICConn
	failed         map[*sealsock.QUICConn]error
	had            map[*sealsock.QUICConn][]engine.QUICEventKind
}

func newQUICPair(t *testing.T, cc, sc *sealsock.Config) *quicPair {
	t.Helper()
	ce, err := sealsock.ClientEngine(cc)
	if err != nil {
		t.Fatal(err)
	}
	se, err := sealsock.ServerEngine(sc)
	if err != nil {
		t.Fatal(err)
	}
	o := engine.QUICOptions{TransportParameters: []byte("x")}
	p := &quicPair{
		failed: map[*sealsock.QUICConn]error{}, had: map[*sealsock.QUICConn][]engine.QUICEventKind{},
	}
	if p.client, err = ce.NewQUIC("", "192.0.2.1:443", o); err != nil {
		t.Fatal(err)
	}
	if p.server, err = se.NewQUIC("", "", o); err != nil {
		t.Fatal(err)
	}
	if err := p.client.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// run acts on the events of both sides until there are none.
func (p *quicPair) run(t *testing.T) {
	t.Helper()
	for busy := true; busy; {
		busy = p.drain(t, p.client, p.server)
		busy = p.drain(t, p.server, p.client) || busy
	}
}

func (p *quicPair) drain(t *testing.T, from, to *sealsock.QUICConn) (busy bool) {
	for ev := from.NextEvent(); ev.Kind != engine.QUICNoEvent; ev = from.NextEvent() {
		busy = true
		p.had[from] = append(p.had[from], ev.Kind)
		switch ev.Kind {
		case engine.QUICWriteData:
			if p.failed[to] == nil {
				p.failed[to] = to.HandleData(ev.Level, ev.Data)
			}
		case engine.QUICWaiting:
			p.failed[from] = from.Answer(t.Context(), ev.Question)
		case engine.QUICStoreSession:
			from.StoreSession(ev.Session)
		}
	}
	return busy
}

func quicConfigs(t *testing.T) (cc, sc *sealsock.Config) {
	cc, sc = newConfigs(t)
	cc.ALPN, sc.ALPN = []string{"h3"}, []string{"h3"}
	return cc, sc
}

// TestQUIC: the Config of each side verifies the other, and sessions are resumed, apart from
// those of TCP.
func TestQUIC(t *testing.T) {
	cc, sc := quicConfigs(t)
	cc.Sessions = sealsock.NewMemoryCache(4)
	sc.ClientAuth = sealsock.RequireClientCert
	sc.Tickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
	checks := 0
	check := func(c *sealsock.Conn) error {
		_, err := c.Export("EXPORTER-test", nil, 32)
		if s := c.State(); err != nil || c.Peer() == nil || !s.HandshakeDone || s.ALPN != "h3" {
			return fmt.Errorf("%v, %+v", err, s)
		}
		checks++
		return nil
	}
	cc.VerifyConnection, sc.VerifyConnection = check, check
	for _, resumed := range []bool{false, true} {
		p := newQUICPair(t, cc, sc)
		p.run(t)
		if err := errors.Join(p.failed[p.client], p.failed[p.server]); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*sealsock.QUICConn{p.client, p.server} {
			if s := c.State(); !s.HandshakeDone || s.Resumed != resumed || c.Peer() == nil {
				t.Errorf("resumed %v: %+v", resumed, s)
			}
		}
		if err := p.server.SendTicket(engine.QUICTicket{}); err != nil {
			t.Fatal(err)
		}
		p.run(t)
		if cc.Sessions.Take("localhost 192.0.2.1:443") != nil {
			t.Error("a session of QUIC is in the place of one of TCP")
		}
	}
	if checks != 4 {
		t.Errorf("VerifyConnection was called %d times", checks)
	}
}

// TestQUICRefuses: neither side accepts what its Config does not, and after a refusal there
// are no events.
func TestQUICRefuses(t *testing.T) {
	refuse := func(*sealsock.Conn) error { return errors.New("not today") }
	for name, change := range map[string]func(cc, sc *sealsock.Config){
		"other.test": func(cc, _ *sealsock.Config) { cc.ServerName = "other.test" },
		"not today":  func(cc, _ *sealsock.Config) { cc.VerifyConnection = refuse },
		"panicked": func(cc, _ *sealsock.Config) {
			cc.VerifyConnection = func(*sealsock.Conn) error { panic("bad") }
		},
		"no certificate": func(cc, sc *sealsock.Config) {
			cc.Identities, sc.ClientAuth = nil, sealsock.RequireClientCert
		},
		"at the server": func(_, sc *sealsock.Config) {
			sc.VerifyConnection = func(*sealsock.Conn) error { return errors.New("at the server") }
		},
	} {
		cc, sc := quicConfigs(t)
		change(cc, sc)
		p := newQUICPair(t, cc, sc)
		p.run(t)
		err := errors.Join(p.failed[p.client], p.failed[p.server])
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		for c, err := range p.failed {
			for _, kind := range p.had[c] {
				if err != nil && kind == engine.QUICHandshakeDone {
					t.Errorf("%s: after %v there is a QUICHandshakeDone", name, err)
				}
			}
		}
	}
}

// TestEngineVerifiesConnections: VerifyConnection counts for an EngineConn as for a Conn.
func TestEngineVerifiesConnections(t *testing.T) {
	for _, server := range []bool{false, true} {
		for name, verify := range map[string]func(*sealsock.Conn) error{
			"":          func(c *sealsock.Conn) error { return nil },
			"not today": func(*sealsock.Conn) error { return errors.New("not today") },
			"panicked":  func(*sealsock.Conn) error { panic("bad") },
		} {
			cc, sc := newConfigs(t)
			called := 0
			own := cc
			if server {
				own = sc
			}
			own.VerifyConnection = func(c *sealsock.Conn) error {
				called++
				if c.ConnectionState().Version == 0 {
					t.Error("there is no state")
				}
				return verify(c)
			}
			client, serving := meetEngines(t, cc, sc)
			mine, peers := client, serving
			if server {
				mine, peers = serving, client
			}
			var alert *engine.Error
			switch {
			case called != 1:
				t.Errorf("server %v: VerifyConnection was called %d times", server, called)
			case name == "" && (mine != nil || peers != nil):
				t.Errorf("server %v: %v, %v", server, mine, peers)
			case name != "" && (mine == nil || !strings.Contains(mine.Error(), name)):
				t.Errorf("server %v: %v", server, mine)
			case name != "" && (!errors.As(peers, &alert) || alert.Fault != engine.FaultAlert):
				t.Errorf("server %v: the peer: %v", server, peers)
			}
		}
	}
}

// meetEngines connects two EngineConns in memory, and returns the error of each.
func meetEngines(t *testing.T, cc, sc *sealsock.Config) (client, server error) {
	t.Helper()
	ce, err := sealsock.ClientEngine(cc)
	if err != nil {
		t.Fatal(err)
	}
	se, err := sealsock.ServerEngine(sc)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ce.NewConn("", "")
	if err != nil {
		t.Fatal(err)
	}
	s, err := se.NewConn("", "")
	if err != nil {
		t.Fatal(err)
	}
	var toServer, toClient []byte
	for range 20 { // flights
		client = pass(t, c, &toClient, &toServer, client)
		server = pass(t, s, &toServer, &toClient, server)
	}
	return client, server
}

// pass gives a connection what has come, and takes what it sends.
func pass(t *testing.T, c *sealsock.EngineConn, in, out *[]byte, failed error) error {
	return passing(t, c, in, out, failed, func() {})
}

// passing is pass, and calls look after each step.
func passing(
	t *testing.T, c *sealsock.EngineConn, in, out *[]byte, failed error, look func(),
) error {
	for failed == nil {
		n, ev, err := c.Receive(*in)
		*in, failed = (*in)[n:], err
		look()
		if ev.Kind == engine.EventWaiting {
			failed = c.Answer(t.Context(), ev.Question)
			look()
		}
		if ev.Kind == engine.EventWantRead || ev.Kind == engine.EventClosed {
			break
		}
	}
	*out = append(*out, c.Output()...)
	c.Wrote(len(c.Output()))
	return failed
}

// TestNoQUIC: what cannot be a connection of QUIC is an error.
func TestNoQUIC(t *testing.T) {
	cc, _ := newConfigs(t) // without ALPN
	e, err := sealsock.ClientEngine(cc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.NewQUIC("", "", engine.QUICOptions{}); err == nil {
		t.Error("a connection without application protocols is accepted")
	}
	if _, err := (*sealsock.Engine)(nil).NewQUIC("", "", engine.QUICOptions{}); err == nil {
		t.Error("a nil Engine makes a connection")
	}
}

// TestEngineVerifiesBeforeReady: no data can be sent, and the handshake is not done, before
// VerifyConnection was called, also if an answer of the program ends the handshake.
func TestEngineVerifiesBeforeReady(t *testing.T) {
	for _, asks := range []bool{false, true} {
		cc, sc := newConfigs(t)
		if asks {
			own := cc.Identities[0]
			sc.ClientAuth = sealsock.RequireClientCert
			cc.SelectIdentity = func(
				context.Context, *engine.CredentialRequest,
			) (*identity.Identity, error) {
				return own, nil
			}
		}
		called := false
		cc.VerifyConnection = func(*sealsock.Conn) error {
			called = true
			return errors.New("not today")
		}
		ce, err := sealsock.ClientEngine(cc)
		if err != nil {
			t.Fatal(err)
		}
		se, err := sealsock.ServerEngine(sc)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ce.NewConn("", "")
		if err != nil {
			t.Fatal(err)
		}
		s, err := se.NewConn("", "")
		if err != nil {
			t.Fatal(err)
		}
		look := func() {
			if (c.Ready() || c.State().HandshakeDone) && !called {
				t.Errorf("asks %v: the connection is ready before it is verified", asks)
			}
		}
		var toServer, toClient []byte
		var client, server error
		for range 20 { // flights
			client = passing(t, c, &toClient, &toServer, client, look)
			server = pass(t, s, &toServer, &toClient, server)
		}
		if !called || client == nil || server == nil {
			t.Errorf("asks %v: %v, %v", asks, client, server)
		}
	}
}
