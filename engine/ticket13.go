package engine

import (
	"encoding/binary"
	"time"

	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/wire"
)

// defaultLifetime is how long a ticket is good for.
const defaultLifetime = 24 * time.Hour

// A ticketer makes a server's tickets for one connection. RFC 9846, Section 4.6.1.
type ticketer struct {
	cfg        *Config
	resumption keys.ResumptionSecret
	info       *State   // what all of them have in common, if nothing will change it
	session    *Session // else a copy
	maxEarly   uint32   // bytes of 0-RTT data
	first      int      // how many follow the handshake
	waiting    int      // of them, that go out with the first data
	count      uint64
}

// newTicketer returns nil if the configuration makes no tickets. requested is how many the
// client asks for, if it does.
func newTicketer(f *flow13, requested *uint8, resumption keys.ResumptionSecret) *ticketer {
	if f.cfg.Tickets == nil || f.cfg.Now == nil {
		return nil
	}
	f.info.prove(f.cfg)
	t := &ticketer{cfg: f.cfg, resumption: resumption, info: f.info,
		first: f.cfg.numTickets(requested)}
	if f.info.lateOffered {
		// A late certificate would change the state, in the receiving half.
		made := f.info.session()
		t.info, t.session = nil, &made
	}
	if f.cfg.AntiReplay != nil {
		t.maxEarly = f.cfg.MaxEarlyData
	}
	return t
}

// common returns what all tickets have in common.
func (t *ticketer) common() (s Session) {
	if t.session != nil {
		s = *t.session
	} else {
		s = t.info.session()
	}
	s.MaxEarlyData = t.maxEarly
	return s
}

func (c *Config) ticketLifetime() time.Duration {
	if c.TicketLifetime <= 0 {
		return defaultLifetime
	}
	return min(c.TicketLifetime, maxLifetime)
}

// defaultTickets is how many tickets go out after a handshake: two, as browsers
// open two connections.
const defaultTickets = 2

// maxRequested bounds what a client can ask for, if NumTickets is less. RFC 9149, Section 4:
// "Servers SHOULD place a limit on the number of tickets they are willing to vend to clients."
const maxRequested = 8

// numTickets returns how many tickets follow a handshake. RFC 9149, Section 3: the number is
// "the minimum of the server's self-imposed limit" and what the client asks for.
func (c *Config) numTickets(requested *uint8) int {
	n := c.NumTickets
	switch {
	case n < 0:
		return 0
	case n == 0:
		n = defaultTickets
	}
	if requested != nil {
		n = min(max(n, maxRequested), int(*requested))
	}
	return n
}

// next writes one NewSessionTicket, or nothing if the session does not fit into a
// ticket, or the client proved itself too long ago.
func (t *ticketer) next() ([]byte, error) {
	s := t.common()
	s.Created = t.cfg.Now()
	if s.Lifetime = t.cfg.lifetime(s.Authenticated, s.Created); s.Lifetime == 0 {
		return nil, nil
	}
	var nonce, add [8]byte
	binary.BigEndian.PutUint64(nonce[:], t.count)
	t.count++
	if err := t.cfg.fill(add[:4]); err != nil {
		return nil, err
	}
	s.ageAdd = binary.BigEndian.Uint32(add[:4])
	s.secret = hide(t.resumption.PSK(nonce[:]))
	ticket, err := t.cfg.Tickets.Issue(&s)
	if err != nil {
		return nil, local("a ticket cannot be made", err)
	}
	if len(ticket) == 0 || len(ticket) > maxTicket {
		return nil, nil
	}
	m := &wire.NewSessionTicket{Lifetime: uint32(s.Lifetime / time.Second), AgeAdd: s.ageAdd, Nonce: nonce[:], Ticket: ticket}
	if s.MaxEarlyData > 0 {
		m.MaxEarlyData = &s.MaxEarlyData
	}
	return encode(m)
}

// takeTicket makes a client's session of a NewSessionTicket; nil if it is of no use.
func (s *open13) takeTicket(m message) (*Session, error) {
	t, err := wire.ParseNewSessionTicket(m.body)
	if err != nil {
		return nil, err
	}
	lifetime := time.Duration(t.Lifetime) * time.Second
	if lifetime > maxLifetime {
		// RFC 9846, Section 4.6.1: "Servers MUST NOT use any value greater
		// than 604800 seconds (7 days)."
		return nil, illegal("a ticket for %v, more than seven days", lifetime)
	}
	if err := s.cfg.quic.checkTicket(t.MaxEarlyData); err != nil {
		return nil, err
	}
	if lifetime == 0 || s.cfg.Now == nil || !s.resumption.Valid() || len(t.Ticket) > maxTicket {
		return nil, nil
	}
	made := s.info.session()
	session := &made
	session.Created, session.Lifetime, session.Ticket = s.cfg.Now(), lifetime, t.Ticket
	session.ageAdd, session.limit = t.AgeAdd, uint32(s.info.sendLimit)
	session.secret = hide(s.resumption.PSK(t.Nonce))
	if s.cfg.expired(session) {
		return nil, nil
	}
	if t.MaxEarlyData != nil {
		session.MaxEarlyData = *t.MaxEarlyData
	}
	return session, nil
}
