package engine

import (
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/wire"
)

// A PSKQuery asks a server for the pre-shared key that a client names, or a
// client of TLS 1.2 for the one that goes with the server's hint.
type PSKQuery struct {
	Identity []byte // nil on a client
	Hint     []byte // nil on a server
}

// Tickets makes tickets of sessions and sessions of tickets, on a server.
// Package sealsock has one that seals the session into the ticket and one that
// keeps it in memory.
type Tickets interface {
	// Issue returns the ticket for a session. An empty ticket, or one of more than
	// 24 KiB, is not sent: the connection can then not be resumed. An error ends
	// the connection.
	Issue(*Session) (ticket []byte, err error)
	// Redeem returns the session of a ticket, or nil if it is not known.
	// It does not keep ticket.
	Redeem(ticket []byte) (*Session, error)
}

// SessionIDs keeps the sessions of TLS 1.2 clients on a server, under IDs that
// the engine makes. It serves any number of connections at once.
type SessionIDs interface {
	// Store keeps a session, at least for a while.
	Store(id []byte, s *Session) error
	// Load returns the session of an ID, or nil if it is not known. It does
	// not keep id.
	Load(id []byte) (*Session, error)
	// Forget drops a session, whose connection failed. It does not keep id.
	Forget(id []byte)
}

// AntiReplay remembers which 0-RTT attempts were seen.
type AntiReplay interface {
	// Fresh reports whether id is new and remembers it until the time given.
	// After a restart it must refuse every id that it may have forgotten. A zero
	// time is for an external key, which does not show when the attempt was made:
	// the id must be remembered for as long as the key is in use, or be refused.
	Fresh(id []byte, until time.Time) bool
}

// maxIdentities bounds how many offered keys a server looks up.
const maxIdentities = 8

// findKey looks for a pre-shared key from the i-th on that the client offers: the first that
// is known here, fits, and is proved by its binder. RFC 9846, Section 4.2.11.
func (s *deciding) findKey(i int, do *effects) (state, error) {
	if i == min(len(s.hello.PSK.Identities), maxIdentities) {
		return s.decide(do)
	}
	offered := s.hello.PSK.Identities[i]
	return &wait[*presharedKey]{
		what: "the pre-shared key that the client names",
		q:    &PSKQuery{Identity: offered.Identity},
		try:  func() (*presharedKey, error) { return s.cfg.find(offered.Identity) },
		from: func(value any) *presharedKey {
			p, _ := value.(*PSK)
			if p == nil {
				return nil
			}
			return p.preshared()
		},
		then: func(k *presharedKey, do *effects) (state, error) {
			if k == nil || !s.usable(k) {
				return s.findKey(i+1, do)
			}
			if unset(k.secret) {
				return nil, usage("the pre-shared key for identity %q is empty or all zeros: it was "+
					"never set", offered.Identity)
			}
			return s.tryKey(k, i, do)
		},
	}, nil
}

// tryKey continues with the i-th key offered, once its binder is checked. That of a
// session also needs the pre-shared key that it began with, and that the Verifier
// accepts what the client showed; else the next key is tried.
func (s *deciding) tryKey(k *presharedKey, i int, do *effects) (state, error) {
	take := func(yes bool, do *effects) (state, error) {
		if !yes {
			return s.findKey(i+1, do)
		}
		k.identity = s.hello.PSK.Identities[i].Identity // a server's own copy of a session has none
		s.known.key, s.known.index = k, uint16(i)
		return s.decide(do)
	}
	next := func(yes bool, do *effects) (state, error) {
		if !yes {
			return take(false, do)
		}
		if err := s.checkBinder(k, i); err != nil {
			return nil, err
		}
		if k.session == nil {
			return take(true, do)
		}
		return s.cfg.reverify(k.session, take, do)
	}
	if k.session == nil {
		return next(true, do)
	}
	return s.cfg.stillKnown(k.session, next, do)
}

// stillKnown continues with whether the external key that a session began with, if
// it did, is still known: a removed key must not stay usable through sessions.
func (c *Config) stillKnown(old *Session, then func(known bool, do *effects) (state, error), do *effects) (state, error) {
	switch {
	case len(old.PSKIdentity) == 0:
		return then(true, do)
	case c.FindPSK == nil:
		return then(false, do)
	}
	return &wait[*PSK]{
		what: "the pre-shared key that the client's session began with",
		q:    &PSKQuery{Identity: old.PSKIdentity},
		try:  func() (*PSK, error) { return c.FindPSK(old.PSKIdentity) },
		then: func(p *PSK, do *effects) (state, error) { return then(p != nil, do) },
	}, nil
}

// find looks for a session first and for an external key then.
func (c *Config) find(identity []byte) (*presharedKey, error) {
	if c.Tickets != nil && c.Now != nil {
		s, err := c.Tickets.Redeem(identity)
		if err != nil {
			return nil, err
		}
		if s != nil && c.expired(s) {
			return nil, nil
		}
		if s != nil {
			return s.preshared(c.Now()), nil
		}
	}
	if c.FindPSK == nil {
		return nil, nil
	}
	p, err := c.FindPSK(identity)
	if p == nil || err != nil {
		return nil, err
	}
	return p.preshared(), nil
}

// acceptsClient reports whether resuming a session would prove about its client
// what a full handshake would prove now. A certificate is verified again, which
// needs a Verifier; and a client that was never asked for one must be asked.
func (c *Config) acceptsClient(s *Session) bool {
	showed := s.shows()
	switch c.ClientAuth {
	case NoClientCert:
		return !showed
	case RequireClientCert:
		return showed && c.takesKind(s)
	}
	// A client that has a pre-shared key is not asked for a certificate.
	return (s.asked || len(s.PSKIdentity) > 0) && c.takesKind(s)
}

// usable reports whether a key that is known may serve this client. After a
// HelloRetryRequest the suite is fixed already.
func (s *deciding) usable(k *presharedKey) bool {
	if k.session != nil {
		if k.session.ServerName != s.hello.ServerName || k.session.Datagram != s.info.datagram ||
			k.session.QUIC != s.info.quic || !s.cfg.acceptsClient(k.session) {
			return false
		}
	}
	if s.known.promised != nil {
		return k.hash == s.known.promised.suite.Hash
	}
	return chooseSuite13(s.cfg, s.hello, k) != nil
}

// checkBinder checks that the client has the key. RFC 9846, Section 4.2.11:
// "Prior to accepting PSK key establishment, the server MUST validate the
// corresponding binder value."
func (s *deciding) checkBinder(k *presharedKey, i int) error {
	var before *transcript
	if s.flow != nil {
		before = &s.flow.transcript
	}
	partial := s.m.raw[:len(s.m.raw)-s.hello.BindersLen()]
	k.schedule = earlySecret(s.info.datagram, k.hash, k.secret)
	want := k.schedule.Binder(k.label, binderHash(before, k.hash, partial))
	if !keys.Equal(want, s.hello.PSK.Binders[i]) {
		return broken(iana.AlertDecryptError, "the client's binder is invalid: it does not have the pre-shared key that it names")
	}
	return nil
}

// fresh reports whether an attempt at 0-RTT is none that was seen before: by the age that
// the client sent and the age by this side's clock, and by AntiReplay. RFC 9846,
// Section 8.
func (c *Config) fresh(h *wire.ClientHello, k *presharedKey) bool {
	if k.session == nil {
		return c.AntiReplay.Fresh(h.PSK.Binders[0], time.Time{})
	}
	now := c.Now()
	said := time.Duration(h.PSK.Identities[0].ObfuscatedTicketAge-k.session.ageAdd) * time.Millisecond
	if d := now.Sub(k.session.Created) - said; d < -clockSkew || d > clockSkew {
		return false
	}
	return c.AntiReplay.Fresh(h.PSK.Binders[0], now.Add(2*clockSkew))
}
