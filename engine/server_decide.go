package engine

import (
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// deciding is a server that decides about a ClientHello. It asks for the facts that choose
// needs, one after the other, and calls choose again with each.
type deciding struct {
	cfg   *Config
	info  *State
	ech   *serverECH
	hello *wire.ClientHello
	m     message // hello as received
	flow  *flow13 // its transcript has the HelloRetryRequest; nil for a first hello
	known known
	proof *AddressProof // in DTLS, of a client that has proved its address
	next  decided       // memory for the next state
}

func (s *deciding) decide(do *effects) (state, error) {
	d, err := choose(s.cfg, s.hello, s.known)
	if err != nil {
		return nil, err
	}
	s.known.asked = max(s.known.asked, d.missing)
	switch {
	case d.missing == knownKey && d.version == iana.TLS12:
		return s.findSession(), nil
	case d.missing == knownKey:
		return s.findKey(0, do)
	case d.missing == knownFresh:
		s.known.fresh = s.cfg.quic.takesEarly(s.known.key) &&
			s.cfg.fresh(s.hello, s.known.key)
		return s.decide(do)
	case d.missing == knownCredential:
		return s.cfg.credential(d.request, do, s.withCredential)
	}
	s.next = decided{s, d}
	return &s.next, nil
}

// withCredential decides with the credential to show, nil for none.
func (s *deciding) withCredential(c *Credential, _ *suites.Scheme, do *effects) (state, error) {
	s.known.cred = c
	return s.decide(do)
}

// decided composes the answer to a ClientHello from a complete decision. It is a state of
// its own because a decision does not change from here on: a test compares it with a copy.
type decided struct {
	*deciding
	d *decision
}

func (s *decided) question() Question                          { return nil }
func (s *decided) resume(_ Answer, do *effects) (state, error) { return s.ask(do) }

func (s *decided) ask(do *effects) (state, error) {
	s.info.Version, s.info.ALPN, s.info.ExtendedMasterSecret = s.d.version, s.d.alpn, s.d.extended
	if s.d.version == iana.TLS12 {
		return s.answer12(do)
	}
	s.info.CipherSuite, s.info.lateOffered = s.d.suite.ID, s.d.late && !s.info.quic
	if s.d.retries() {
		return s.retry(do)
	}
	return s.answer13(do)
}
