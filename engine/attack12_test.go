package engine

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// TestVersionRanges tries every range of versions of a client against every range
// of a server: the highest version of both is chosen, and without one both sides fail.
func TestVersionRanges(t *testing.T) {
	type bounds struct{ low, high iana.Version }
	ranges := []bounds{{0, 0}, {iana.TLS12, iana.TLS12}, {iana.TLS13, iana.TLS13}, {iana.TLS12, 0}, {0, iana.TLS12}, {iana.TLS13, 0}, {iana.TLS12, iana.TLS13}}
	for _, cr := range ranges {
		for _, sr := range ranges {
			client, server := pair12(t)
			client.MinVersion, client.MaxVersion = cr.low, cr.high
			server.MinVersion, server.MaxVersion = sr.low, sr.high
			want := iana.Version(0)
			for _, v := range client.versions() {
				if v <= max(sr.high, map[bool]iana.Version{true: iana.TLS13}[sr.high == 0]) && v >= sr.low {
					want = v
					break
				}
			}
			c, s := newPair(t, client, server)
			err := pump(c, s)
			if want == 0 {
				wantAlert(t, err, iana.AlertProtocolVersion)
				if c.done || s.done {
					t.Errorf("%v and %v: the handshake is done", cr, sr)
				}
				continue
			}
			if err != nil || c.r.State().Version != want || s.r.State().Version != want {
				t.Errorf("%v and %v: %v, want %v: %v", cr, sr, c.r.State().Version, want, err)
			}
		}
	}
	for _, b := range []bounds{{iana.TLS13, iana.TLS12}, {0, iana.TLS11}, {0x0305, 0}} {
		client, server := pair12(t)
		client.MinVersion, client.MaxVersion = b.low, b.high
		server.MinVersion, server.MaxVersion = b.low, b.high
		for name, err := range map[string]error{"client": client.check(true), "server": server.CheckServer()} {
			var own *Error
			if !errors.As(err, &own) || own.Fault != FaultUsage {
				t.Errorf("%s, %v: %v", name, b, err)
			}
		}
	}
}

// TestSessionsOfPSKs: a session that began with a pre-shared key has the key's
// identity, and ends with the key.
func TestSessionsOfPSKs(t *testing.T) {
	for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
		for _, ids := range []bool{false, true} {
			if ids && version == iana.TLS13 {
				continue
			}
			t.Run(fmt.Sprintf("%v, IDs %v", version, ids), func(t *testing.T) {
				client, server := pair12(t)
				psk := NewPSK([]byte("device 7"), bytes.Repeat([]byte{7}, 32))
				known := true
				client.Verifier, client.PSKs, client.MaxVersion = nil, []*PSK{psk}, version
				server.Credentials, server.Tickets = nil, newMemory()
				if ids {
					server.Tickets, server.SessionIDs = nil, cache{}
				}
				server.FindPSK = func(identity []byte) (*PSK, error) {
					if known && bytes.Equal(identity, psk.Identity) {
						return psk, nil
					}
					return nil, nil
				}
				for _, resumed := range []bool{false, true, true} {
					c, s := connect(t, client, server)
					for who, st := range map[string]State{"client": c.r.State(), "server": s.r.State()} {
						if st.Resumed != resumed || string(st.PSKIdentity) != "device 7" {
							t.Errorf("the %s: resumed %v, identity %q", who, st.Resumed, st.PSKIdentity)
						}
					}
					b, err := c.sessions[0].Marshal()
					if err != nil {
						t.Fatal(err)
					}
					if client.Session, err = ParseSession(b); err != nil {
						t.Fatal(err)
					}
				}
				// The client has another key by now: it does not offer the session of the old.
				other := *client
				other.PSKs = []*PSK{NewPSK([]byte("device 8"), psk.secret.bytes())}
				if other.proves(client.Session) {
					t.Error("a client offers the session of a key that it has no more")
				}
				known = false
				c, s := newPair(t, client, server)
				wantAlert(t, pump(c, s), iana.AlertUnknownPSKIdentity)
				if c.done || s.done {
					t.Error("the session outlives its key")
				}
				server.FindPSK, server.Credentials = nil, []*Credential{newCredential(t, nil)}
				c, s = newPair(t, client, server)
				if err := pump(c, s); err == nil || c.done {
					t.Error("the session outlives all keys")
				}
			})
		}
	}
}

// TestSessionsOfRawKeys: a server that takes certificates alone by now does not resume
// a session with a client's raw key.
func TestSessionsOfRawKeys(t *testing.T) {
	for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
		client, server := pair12(t)
		cred := newCredential(t, nil)
		cred.RawPublicKey = rawKey(t, cred.Signer)
		client.MaxVersion, client.Credentials = version, []*Credential{cred}
		server.Tickets, server.ClientAuth, server.AcceptRawKeys, server.Verifier = newMemory(), RequireClientCert, true, new(acceptKeys)
		c, s := connect(t, client, server)
		if s.r.State().PeerRawKey == nil {
			t.Fatal("no raw key came")
		}
		client.Session, server.AcceptRawKeys = c.sessions[0], false
		if _, s := connect(t, client, server); s.r.State().Resumed || s.r.State().PeerRawKey != nil {
			t.Errorf("%v: a raw key goes on where none is accepted", version)
		}
	}
}

// TestLongPSK: its length has to fit where TLS 1.2 writes it.
func TestLongPSK(t *testing.T) {
	p := NewPSK([]byte("x"), make([]byte, 1<<16))
	if err := p.check(); err == nil {
		t.Error("a key of 65536 bytes is taken")
	}
	client, server := pair12(t)
	client.SelectPSK = func([]byte) (*PSK, error) { return p, nil }
	server.FindPSK = func([]byte) (*PSK, error) { return p, nil }
	c, s := newPair(t, client, server)
	if err := pump(c, s); err == nil {
		t.Error("a key of 65536 bytes is used")
	}
}

// TestFailedSessions12: a session whose connection failed is not resumed. A
// client that names it without its keys cannot make it fail.
func TestFailedSessions12(t *testing.T) {
	client, server := resumable12(t, false)
	stranger := *client
	session := *client.Session
	session.secret = hide(bytes.Repeat([]byte{1}, 48))
	stranger.Session = &session
	c, s := newPair(t, &stranger, server)
	if err := pump(c, s); err == nil || s.done {
		t.Fatalf("a session ID alone is enough: %v", err)
	}
	for _, resumed := range []bool{true, true} {
		c, s = connect(t, client, server)
		if c.r.State().Resumed != resumed {
			t.Errorf("after a stranger's attempt: resumed %v", c.r.State().Resumed)
		}
	}
	s.in = append(s.in, record.AppendHeader(nil, iana.ContentApplicationData, iana.TLS12, 30)...)
	s.in = append(s.in, make([]byte, 30)...)
	_, err := s.step()
	wantAlert(t, err, iana.AlertBadRecordMAC)
	if c, _ := connect(t, client, server); c.r.State().Resumed {
		t.Error("the session of a connection that failed goes on")
	}
}

// A renewing server gives a new ticket to a client that resumes with an old
// one, as RFC 5077, Section 3.3, allows and this engine's does not.
type renewing struct{ awaitClientHello }

func (s *renewing) handle(m message, do *effects) (state, error) {
	hello, err := wire.ParseClientHello(m.body)
	if err != nil {
		return nil, err
	}
	old, err := s.cfg.Tickets.Redeem(hello.SessionTicket)
	if err != nil {
		return nil, err
	}
	d, err := choose(s.cfg, hello, known{asked: knownKey, session: old})
	if err != nil {
		return nil, err
	}
	d.ticket = true
	s.info.Version, s.info.CipherSuite = iana.TLS12, d.suite12.ID
	s.info.ServerName, s.info.ExtendedMasterSecret = hello.ServerName, true
	f := &flow12{cfg: s.cfg, info: s.info, suite: d.suite12, random: hello.Random[:]}
	f.transcript.choose(f.suite.Hash)
	r := &flight12{server12: &server12{flow12: f, d: d, id: hello.SessionID}, hello: hello}
	r.add(m.raw)
	if err := r.sendHello(do); err != nil {
		return nil, err
	}
	r.resume(old)
	if err := r.remember(do); err != nil {
		return nil, err
	}
	return &awaitClientCCS12{r.server12}, r.sendFinished(do)
}

// TestRenewedTicket12: the client resumes with the new ticket, whose session
// is as old as the first one.
func TestRenewedTicket12(t *testing.T) {
	client, server := resumable12(t, true)
	later := func() time.Time { return client.Session.Created.Add(time.Hour) }
	client.Now, server.Now = later, later
	c, s := newPair(t, client, server)
	s.r.state = &renewing{awaitClientHello{cfg: &server.Config, info: &s.r.info}}
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	send(t, c, s, "hello")
	if !c.r.State().Resumed || len(c.sessions) != 1 {
		t.Fatalf("resumed %v, %d sessions", c.r.State().Resumed, len(c.sessions))
	}
	got := c.sessions[0]
	if bytes.Equal(got.Ticket, client.Session.Ticket) || !got.Created.Equal(client.Session.Created) {
		t.Errorf("ticket %q of %v after %q of %v", got.Ticket, got.Created, client.Session.Ticket, client.Session.Created)
	}
	client.Session = got
	if c, _ := connect(t, client, server); !c.r.State().Resumed {
		t.Error("the new ticket is not taken")
	}
	// Without the ticket that was announced, the handshake fails.
	client, server = resumable12(t, true)
	c, s = newPair(t, client, server)
	s.r.state = &renewing{awaitClientHello{cfg: &server.Config, info: &s.r.info}}
	var err error
	if s.in, err = c.step(); err != nil {
		t.Fatal(err)
	}
	out, err := s.step()
	if err != nil {
		t.Fatal(err)
	}
	messages := split12(out)
	c.in = slices.Concat(messages[0], messages[2], messages[3])
	_, err = c.step()
	wantAlert(t, err, iana.AlertUnexpectedMessage)
}

// TestLongHint: what an error quotes of a server's hint is bounded.
func TestLongHint(t *testing.T) {
	client := &config{MaxVersion: iana.TLS12, SelectPSK: func([]byte) (*PSK, error) { return nil, nil }}
	server := &config{FindPSK: func([]byte) (*PSK, error) { return nil, nil }, PSKHint: bytes.Repeat([]byte{0xff}, 60_000)}
	c, s := newPair(t, client, server)
	err := pump(c, s)
	wantAlert(t, err, iana.AlertHandshakeFailure)
	var own *Error
	if !errors.As(err, &own) || len(own.Got) > 2000 || !strings.Contains(own.Got, "and 59745 bytes more") {
		t.Errorf("an error of %d bytes: %.300v", len(err.Error()), err)
	}
}
