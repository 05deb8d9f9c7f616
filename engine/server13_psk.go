package engine

import (
	"slices"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
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

// findPSK looks for the first offered key that this server knows and continues
// with it, or without one. m is the ClientHello; f.transcript holds what went
// before it. RFC 9846, Section 4.2.11.
func findPSK(f *flow13, hello *wire.ClientHello, m message, c *choice13, do *effects) (state, error) {
	if hello.PSK == nil || f.cfg.Tickets == nil && f.cfg.FindPSK == nil {
		return begin(f, hello, m, c, do)
	}
	switch {
	case len(hello.PSK.Identities) != len(hello.PSK.Binders):
		return nil, illegal("%d pre-shared keys and %d binders", len(hello.PSK.Identities), len(hello.PSK.Binders))
	case !f.resumable:
		return begin(f, hello, m, c, do)
	}
	return lookUp(f, hello, m, c, 0), nil
}

// allowsPSK reports whether a client's ways of using pre-shared keys have one
// that this side allows. RFC 9846, Section 4.2.9.
func (c *Config) allowsPSK(modes []iana.PSKMode) bool {
	return slices.Contains(modes, iana.PSKDHEKE) || c.PSKWithoutDHE && slices.Contains(modes, iana.PSKKE)
}

// onlyPSKs reports whether a server has no certificate to show.
func (c *Config) onlyPSKs() bool { return len(c.Credentials) == 0 && c.SelectCredential == nil }

// takesPSKAlone reports whether both sides allow a pre-shared key without a key
// exchange, and the client has one.
func (c *Config) takesPSKAlone(h *wire.ClientHello) bool {
	return h.PSK != nil && c.PSKWithoutDHE && slices.Contains(h.PSKModes, iana.PSKKE)
}

// lookUp asks for the i-th key offered.
func lookUp(f *flow13, hello *wire.ClientHello, m message, c *choice13, i int) state {
	offered := hello.PSK.Identities[i]
	return &wait[*presharedKey]{
		what: "the pre-shared key that the client names",
		q:    &PSKQuery{Identity: offered.Identity},
		try:  func() (*presharedKey, error) { return f.cfg.find(offered.Identity) },
		from: func(value any) *presharedKey {
			p, _ := value.(*PSK)
			if p == nil {
				return nil
			}
			return p.preshared()
		},
		then: func(k *presharedKey, do *effects) (state, error) {
			if k == nil || !f.usable(hello, k, c) {
				return f.lookUpNext(hello, m, c, i, do)
			}
			if unset(k.secret) {
				return nil, usage("the pre-shared key for identity %q is empty or all zeros: it was "+
					"never set", offered.Identity)
			}
			return f.tryKey(hello, m, k, i, c, do)
		},
	}
}

// tryKey continues with the i-th key offered, once its binder is checked. That of a
// session also needs the pre-shared key that it began with, and that the Verifier
// accepts what the client showed; else the next key is tried.
func (f *flow13) tryKey(
	hello *wire.ClientHello, m message, k *presharedKey, i int, c *choice13, do *effects,
) (state, error) {
	take := func(yes bool, do *effects) (state, error) {
		if !yes {
			return f.lookUpNext(hello, m, c, i, do)
		}
		c.take(k, i, hello)
		return begin(f, hello, m, c, do)
	}
	next := func(known bool, do *effects) (state, error) {
		if !known {
			return take(false, do)
		}
		if err := f.checkBinder(hello, m, k, i); err != nil {
			return nil, err
		}
		if k.session == nil {
			return take(true, do)
		}
		return f.cfg.reverify(k.session, take, do)
	}
	if k.session == nil {
		return next(true, do)
	}
	return f.cfg.stillKnown(k.session, next, do)
}

// take settles on the i-th key offered.
func (c *choice13) take(k *presharedKey, i int, hello *wire.ClientHello) {
	k.identity = hello.PSK.Identities[i].Identity // a server's own copy of a session has none
	c.psk, c.index, c.early = k, uint16(i), keys.NewEarlySecret(k.hash, k.secret)
}

// lookUpNext continues with the key after the i-th, if there is one, or without.
func (f *flow13) lookUpNext(hello *wire.ClientHello, m message, c *choice13, i int, do *effects) (state, error) {
	if i+1 < min(len(hello.PSK.Identities), maxIdentities) {
		return lookUp(f, hello, m, c, i+1), nil
	}
	return begin(f, hello, m, c, do)
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
	showed := s.showed() != nil
	switch c.ClientAuth {
	case NoClientCert:
		return !showed
	case RequireClientCert:
		return showed && c.takesKind(s)
	}
	// A client that has a pre-shared key is not asked for a certificate.
	return (s.asked || len(s.PSKIdentity) > 0) && c.takesKind(s)
}

// usable reports whether a key that is known may serve this client, and moves
// the choice to a suite that goes with it.
func (f *flow13) usable(hello *wire.ClientHello, k *presharedKey, c *choice13) bool {
	if k.session != nil {
		if k.session.ServerName != hello.ServerName || !f.cfg.acceptsClient(k.session) {
			return false
		}
	}
	if k.hash == c.suite.Hash {
		return true
	}
	if f.info.Retried {
		return false // the suite is fixed already
	}
	for _, id := range f.cfg.suites() {
		if s := suites.TLS13(id); s != nil && s.Hash == k.hash && slices.Contains(hello.CipherSuites, id) {
			c.suite = s
			f.use(s)
			return true
		}
	}
	return false
}

// checkBinder checks that the client has the key. RFC 9846, Section 4.2.11:
// "Prior to accepting PSK key establishment, the server MUST validate the
// corresponding binder value."
func (f *flow13) checkBinder(hello *wire.ClientHello, m message, k *presharedKey, i int) error {
	early := keys.NewEarlySecret(k.hash, k.secret)
	partial := m.raw[:len(m.raw)-hello.BindersLen()]
	want := early.Binder(k.label, binderHash(&f.transcript, k.hash, partial))
	if !keys.Equal(want, hello.PSK.Binders[i]) {
		return broken(iana.AlertDecryptError, "the client's binder does not match: it does not have the pre-shared key it names")
	}
	return nil
}

// begin answers the ClientHello once the question of the pre-shared key is settled.
func begin(f *flow13, hello *wire.ClientHello, m message, c *choice13, do *effects) (state, error) {
	if c.psk == nil {
		if err := f.checkWithoutPSK(hello, c); err != nil {
			return nil, err
		}
	}
	kinds, err := chooseKinds(f.cfg, hello)
	if err != nil && c.psk == nil {
		return nil, err
	}
	f.kinds, c.agreed = kinds, err == nil
	f.info.CipherSuite = c.suite.ID
	if c.psk != nil {
		if err := c.choosePSKMode(f.cfg, hello); err != nil {
			return nil, err
		}
		f.info.PSKIdentity = c.psk.external()
		c.accept = f.acceptEarly(hello, c)
	}
	f.transcript.add(m.raw)
	if c.psk == nil {
		return f.chooseProof(hello, c), nil
	}
	return composeFlight(f, hello, c, nil, do)
}

// checkWithoutPSK checks that a handshake without a pre-shared key is possible.
func (f *flow13) checkWithoutPSK(hello *wire.ClientHello, c *choice13) error {
	switch onlyPSK := f.cfg.onlyPSKs(); {
	case onlyPSK && hello.PSK != nil && !f.resumable:
		return noMode(hello)
	case onlyPSK:
		return &Error{
			Fault: FaultIncompatible, Alert: iana.AlertUnknownPSKIdentity,
			Reason: "the client has no pre-shared key that is known here",
			Hint:   "both sides need the same key under the same identity",
		}
	// What a pre-shared key would have replaced. RFC 9846, Section 9.2.
	case c.noGroup != nil:
		return c.noGroup
	case c.group == nil:
		return missing(iana.ExtKeyShare)
	case len(hello.SignatureAlgorithms) == 0:
		return missing(iana.ExtSignatureAlgorithms)
	}
	return nil
}

// withoutDHEHint is for a client that uses pre-shared keys without a key exchange alone.
const withoutDHEHint = "let the client add a key exchange, or allow keys without one, which " +
	"gives up forward secrecy (PSKWithoutDHE, --psk-without-dhe)"

// noMode is the error for a client that uses pre-shared keys in no way that this server
// allows, whether or not it has a key that is known here.
func noMode(hello *wire.ClientHello) error {
	e := &Error{
		Fault: FaultIncompatible, Alert: iana.AlertHandshakeFailure,
		Reason:   "the client uses pre-shared keys in no way that is allowed here",
		Expected: iana.PSKDHEKE.String(), Got: list(hello.PSKModes),
	}
	if slices.Contains(hello.PSKModes, iana.PSKKE) {
		e.Hint = withoutDHEHint
	}
	return e
}

// choosePSKMode decides whether a pre-shared key goes with a key exchange. It looks at
// the configuration itself, so that no earlier decision can make it give up forward
// secrecy. RFC 9846, Section 4.2.9.
func (c *choice13) choosePSKMode(cfg *Config, hello *wire.ClientHello) error {
	switch exchange := slices.Contains(hello.PSKModes, iana.PSKDHEKE); {
	case exchange && c.group != nil:
		return nil
	case cfg.takesPSKAlone(hello):
		c.group, c.share = nil, nil
		return nil
	case exchange:
		return missing(iana.ExtKeyShare)
	}
	return noMode(hello)
}

// acceptEarly decides about 0-RTT data. RFC 9846, Sections 4.2.10 and 8.
func (f *flow13) acceptEarly(hello *wire.ClientHello, c *choice13) bool {
	k, cfg := c.psk, f.cfg
	switch {
	case !hello.EarlyData, c.index != 0, f.info.Retried,
		cfg.MaxEarlyData == 0, cfg.AntiReplay == nil, cfg.Now == nil,
		k.maxEarly == 0, k.suite != c.suite.ID, k.alpn != c.alpn:
		return false
	}
	if k.session == nil {
		return cfg.AntiReplay.Fresh(hello.PSK.Binders[0], time.Time{})
	}
	// The age that the client sent, and the age by this side's clock.
	now := cfg.Now()
	said := time.Duration(hello.PSK.Identities[0].ObfuscatedTicketAge-k.session.ageAdd) * time.Millisecond
	if d := now.Sub(k.session.Created) - said; d < -clockSkew || d > clockSkew {
		return false
	}
	return cfg.AntiReplay.Fresh(hello.PSK.Binders[0], now.Add(2*clockSkew))
}
