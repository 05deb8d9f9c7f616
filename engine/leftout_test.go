package engine

import (
	"bytes"
	"crypto"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

var bothVersions = []iana.Version{iana.TLS12, iana.TLS13}

// onlyNew accepts peers that prove themselves now, as a Verifier does once the
// certificate of a session has expired. It counts the sessions that it refused.
type onlyNew struct{ refused int }

func (o *onlyNew) VerifyPeer(p *PeerCertificate) (crypto.PublicKey, error) {
	if p.Resumed {
		o.refused++
		return nil, errors.New("the certificate has expired")
	}
	return acceptAll{}.VerifyPeer(p)
}

// TestExpiredSessionLeadsToFullHandshake: where the certificate of a session is not
// accepted any more, the peer may have a new one. Both roles then do a full
// handshake, and a client sends no 0-RTT data to such a server.
func TestExpiredSessionLeadsToFullHandshake(t *testing.T) {
	for _, version := range bothVersions {
		for _, role := range []string{"client", "server"} {
			client, server := resumableAt(t, version)
			client.Credentials = []*Credential{newCredential(t, nil)}
			client.Session, server.ClientAuth, server.Verifier = nil, RequireClientCert, acceptAll{}
			server.MaxEarlyData, server.AntiReplay = 1000, newMemory()
			c, s := newPair(t, client, server)
			if err := pump(c, s); err != nil {
				t.Fatal(err)
			}
			client.Session, client.EarlyData = c.sessions[0], role == "client"
			strict := new(onlyNew)
			if role == "client" {
				client.Verifier = strict
			} else {
				server.Verifier = strict
			}
			c, s = newPair(t, client, server)
			out, err := c.step()
			if err != nil {
				t.Fatal(err)
			}
			s.in = out
			if role == "client" && c.s.Early() > 0 {
				t.Errorf("%v: 0-RTT data may be sent to a server that is not accepted", version)
			}
			if err := pump(c, s); err != nil {
				t.Errorf("%v: an expired session of the %s: %v", version, role, err)
				continue
			}
			if strict.refused != 1 || c.r.State().Resumed || s.r.State().Resumed {
				t.Errorf("%v: the %s resumes after %d refusals", version, role, strict.refused)
			}
			if len(s.r.State().PeerChain) != 1 || len(c.r.State().PeerChain) != 1 {
				t.Errorf("%v: the %s did not see a new certificate", version, role)
			}
		}
	}
}

// TestLongTicketIsNotKept: a server decides how long a ticket is. One that leaves no
// room in a ClientHello makes no session, and a session that has one all the same, or
// leaves no room for a long list of protocols, leads to a full handshake.
func TestLongTicketIsNotKept(t *testing.T) {
	client, server := resumableAt(t, iana.TLS13)
	client.Session = nil
	c, s := newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	before := len(c.sessions)
	for _, n := range []int{maxTicket, maxTicket + 1, 65_000} {
		raw, err := (&wire.NewSessionTicket{Lifetime: 1000, Ticket: make([]byte, n)}).AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.in, err = s.s.records(c.in, iana.ContentHandshake, raw); err != nil {
			t.Fatal(err)
		}
	}
	send(t, s, c, "after the tickets")
	if got := len(c.sessions) - before; got != 1 {
		t.Errorf("%d of three tickets make sessions", got)
	}
	var protocols []string
	for _, r := range "abcdefghijklmnopqrstuvwxyz" {
		for _, n := range []int{250, 251, 252, 253, 254, 255} {
			protocols = append(protocols, strings.Repeat(string(r), n))
		}
	}
	for _, version := range bothVersions {
		for _, change := range []func(*Session, *config){
			func(s *Session, _ *config) { s.Ticket = make([]byte, 65_000) },
			func(s *Session, c *config) { s.Ticket, c.ALPN = make([]byte, maxTicket), protocols },
		} {
			client, server := resumableAt(t, version)
			long := *client.Session
			change(&long, client)
			client.Session = &long
			c, s := newPair(t, client, server)
			if err := pump(c, s); err != nil || c.r.State().Resumed {
				t.Errorf("%v: resumed %v, %v", version, c.r.State().Resumed, err)
			}
		}
	}
}

// longTickets issues tickets of a length that Redeem never sees.
type longTickets int

func (n longTickets) Issue(*Session) ([]byte, error) { return bytes.Repeat([]byte{7}, int(n)), nil }
func (longTickets) Redeem([]byte) (*Session, error)  { return nil, nil }

// TestTicketThatDoesNotFit: a client's chain may be too long for a ticket. The server
// sends none, and the connection continues.
func TestTicketThatDoesNotFit(t *testing.T) {
	for _, version := range bothVersions {
		for _, n := range []longTickets{0, maxTicket, maxTicket + 1, 70_566} {
			client, server := resumableAt(t, version)
			client.Session, server.Tickets = nil, n
			c, s := newPair(t, client, server)
			if err := pump(c, s); err != nil {
				t.Errorf("%v: a ticket of %d bytes: %v", version, n, err)
				continue
			}
			send(t, c, s, "hello")
			send(t, s, c, "world")
			if got := slices.Contains(c.events, EventSession); got != (n == maxTicket) {
				t.Errorf("%v: a ticket of %d bytes comes: %v", version, n, got)
			}
		}
	}
}
