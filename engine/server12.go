package engine

import (
	"io"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// A choice12 is the server's choice for a ClientHello with TLS 1.2.
type choice12 struct {
	suites   []*suites.Suite12 // that both sides can use, in order of preference
	group    *suites.Group     // nil if there is none in common
	alpn     string
	extended bool // extended master secret
	indicate bool // the client knows RFC 5746
	ticket   bool // the client takes tickets, and there are some
}

// choose12 decides. It is a pure function. RFC 5246, Section 7.4.1.
func choose12(cfg *Config, h *wire.ClientHello) (*choice12, error) {
	if err := checkHello12(cfg, h); err != nil {
		return nil, err
	}
	c := &choice12{
		extended: h.ExtendedMasterSecret,
		indicate: h.RenegotiationInfo != nil || slices.Contains(h.CipherSuites, iana.TLS_EMPTY_RENEGOTIATION_INFO_SCSV),
	}
	c.ticket = h.SessionTicket != nil && c.extended && cfg.Tickets != nil && cfg.Now != nil && cfg.NumTickets >= 0
	c.chooseGroup(cfg, h)
	for _, id := range cfg.suites() {
		s := suites.TLS12(id)
		if s == nil || !slices.Contains(h.CipherSuites, id) || s.ECDHE && c.group == nil {
			continue
		}
		if s.Auth != suites.AuthPSK || cfg.FindPSK != nil {
			c.suites = append(c.suites, s)
		}
	}
	if len(c.suites) == 0 {
		return nil, noSuite12(cfg, h)
	}
	var err error
	c.alpn, err = chooseALPN(cfg.ALPN, h.ALPN)
	return c, err
}

// noSuite12 is the error for a client that has no suite in common with this side.
func noSuite12(cfg *Config, h *wire.ClientHello) error {
	own := slices.DeleteFunc(cfg.suites(), func(id iana.CipherSuite) bool { return suites.TLS12(id) == nil })
	e := &Error{
		Fault: FaultIncompatible, Alert: iana.AlertHandshakeFailure, Reason: "no cipher suite in common with the client",
		Expected: list(own), Got: list(h.CipherSuites), Hint: legacyHint,
	}
	if cfg.FindPSK != nil && !cfg.PSKWithoutDHE && slices.ContainsFunc(h.CipherSuites, plainPSK) {
		e.Hint = withoutDHEHint
	}
	if slices.ContainsFunc(own, func(id iana.CipherSuite) bool { return slices.Contains(h.CipherSuites, id) }) {
		e.Reason, e.Hint = "no key exchange group in common with the client", ""
		e.Expected, e.Got = list(ecdheGroups(cfg.serverGroups())), list(h.SupportedGroups)
	}
	return e
}

// plainPSK reports whether a suite of TLS 1.2 uses a pre-shared key without a key exchange.
func plainPSK(id iana.CipherSuite) bool {
	s := suites.TLS12(id)
	return s != nil && s.Auth == suites.AuthPSK && !s.ECDHE
}

// checkHello12 checks a ClientHello for TLS 1.2.
func checkHello12(cfg *Config, h *wire.ClientHello) error {
	switch {
	case !slices.Contains(h.CompressionMethods, 0):
		// RFC 5246, Section 7.4.1.2: the list must hold it.
		return illegal("the client does not offer to go without compression")
	case len(h.RenegotiationInfo) > 0:
		// RFC 5746, Section 3.6: not empty in a first handshake is an attack.
		return broken(iana.AlertHandshakeFailure, "the client takes this handshake for a renegotiation")
	case h.ECPointFormats != nil && !slices.Contains(h.ECPointFormats, 0):
		// RFC 8422, Section 5.1.2: the list must hold it.
		return illegal("the client does not take uncompressed points")
	case !h.ExtendedMasterSecret && cfg.RequireExtendedMasterSecret:
		return &Error{
			Fault: FaultIncompatible, Alert: iana.AlertHandshakeFailure,
			Reason: "the client does not support extended master secret, and it is required",
		}
	}
	return nil
}

// chooseGroup takes the first of this side's groups that the client has. A
// client that lists none leaves the choice: RFC 8422, Section 4.
func (c *choice12) chooseGroup(cfg *Config, h *wire.ClientHello) {
	for _, id := range ecdheGroups(cfg.serverGroups()) {
		if slices.Contains(h.SupportedGroups, id) {
			c.group = suites.GroupByID(id)
			return
		}
	}
	if h.SupportedGroups == nil && slices.Contains(ecdheGroups(cfg.serverGroups()), iana.SecP256r1) {
		c.group = suites.GroupByID(iana.SecP256r1)
	}
}

// server12 is what a server carries through a TLS 1.2 handshake.
type server12 struct {
	*flow12
	ticket  bool           // to be sent
	id      []byte         // the session ID that it made, or echoes
	private suites.Private // of the key exchange
}

// A reply12 is a server that composes its answer to a ClientHello.
type reply12 struct {
	*server12
	hello  *wire.ClientHello
	choice *choice12
	agreed bool        // on the kinds of certificates
	cred   *Credential // nil with a pre-shared key
	scheme *suites.Scheme
}

// answer12 continues with TLS 1.2: with an earlier session, or a new one.
func answer12(cfg *Config, info *State, hello *wire.ClientHello, m message, do *effects) (state, error) {
	choice, err := choose12(cfg, hello)
	if err != nil {
		return nil, err
	}
	info.Version, info.ALPN, info.ExtendedMasterSecret = iana.TLS12, choice.alpn, choice.extended
	f := &flow12{cfg: cfg, info: info, random: hello.Random[:], keep: cfg.ClientAuth != NoClientCert}
	s := &reply12{server12: &server12{flow12: f, ticket: choice.ticket}, hello: hello, choice: choice}
	s.add(m.raw)
	find := sessionFinder(cfg, hello)
	if find == nil {
		return s.choose(do)
	}
	return &wait[*Session]{
		what: "the session that the client names",
		q:    &SessionQuery{Ticket: hello.SessionTicket, ID: hello.SessionID},
		try:  find,
		then: func(old *Session, do *effects) (state, error) {
			ok, err := s.resumable(old)
			if err != nil {
				return nil, err
			}
			if !ok {
				return s.choose(do)
			}
			return s.stillGood(old, do)
		},
	}, nil
}

// stillGood resumes a session if the pre-shared key that it began with is known still,
// and what the client showed is accepted still.
func (s *reply12) stillGood(old *Session, do *effects) (state, error) {
	return s.cfg.stillKnown(old, func(known bool, do *effects) (state, error) {
		if !known {
			return s.choose(do)
		}
		return s.cfg.reverify(old, func(accepted bool, do *effects) (state, error) {
			if !accepted {
				if s.cfg.SessionIDs != nil && len(s.hello.SessionTicket) == 0 {
					s.cfg.SessionIDs.Forget(s.hello.SessionID)
				}
				return s.choose(do)
			}
			return s.resumeOld(old, do)
		}, do)
	}, do)
}

// A SessionQuery asks a server for the session of a ticket or an ID.
type SessionQuery struct{ Ticket, ID []byte }

// sessionFinder returns a function that finds the session that a client names, or nil if
// it names none. A client with a ticket means the ticket: RFC 5077, Section 3.4.
func sessionFinder(cfg *Config, h *wire.ClientHello) func() (*Session, error) {
	switch {
	case cfg.Now == nil:
		return nil
	case len(h.SessionTicket) > 0 && cfg.Tickets != nil:
		return func() (*Session, error) { return cfg.Tickets.Redeem(h.SessionTicket) }
	case len(h.SessionTicket) == 0 && len(h.SessionID) > 0 && cfg.SessionIDs != nil:
		return func() (*Session, error) { return cfg.SessionIDs.Load(h.SessionID) }
	}
	return nil
}

// resumable reports whether this client may resume the session. RFC 5246,
// Section 7.4.1.2; RFC 7627, Section 5.3.
func (s *reply12) resumable(old *Session) (bool, error) {
	if !old.good12(s.cfg) {
		return false, nil
	}
	if !s.choice.extended {
		return false, broken(iana.AlertHandshakeFailure, "the client resumes a session without extended master secret, which that session had")
	}
	return old.ServerName == s.hello.ServerName && // RFC 6066, Section 3
		slices.Contains(s.hello.CipherSuites, old.CipherSuite) &&
		s.cfg.acceptsClient(old), nil
}

// use fixes the suite.
func (s *reply12) use(suite *suites.Suite12) {
	s.suite, s.info.CipherSuite = suite, suite.ID
	s.transcript.choose(suite.Hash)
}

// resumeOld answers with the keys of an earlier session. RFC 5246, Section 7.3.
func (s *reply12) resumeOld(old *Session, do *effects) (state, error) {
	s.forget()
	s.id, s.ticket = s.hello.SessionID, false // the client's own is still good
	if kinds, err := chooseKinds(s.cfg, s.hello); err == nil {
		s.kinds, s.agreed = kinds, true // answered, though no certificate is shown
	}
	s.use(suites.TLS12(old.CipherSuite))
	do.turn = true
	if err := s.sendHello(do); err != nil {
		return nil, err
	}
	s.resume(old)
	if err := s.sendFinished(do); err != nil {
		return nil, err
	}
	return &awaitClientCCS12{s.server12}, nil
}

// choose picks the suite, and the certificate that goes with it.
func (s *reply12) choose(do *effects) (state, error) {
	if s.choice.suites[0].Auth == suites.AuthPSK {
		s.use(s.choice.suites[0])
		return s.full(do)
	}
	kinds, err := chooseKinds(s.cfg, s.hello)
	if err != nil {
		return nil, err
	}
	s.kinds, s.agreed = kinds, true
	schemes := slices.DeleteFunc(slices.Clone(s.hello.SignatureAlgorithms), func(id iana.SignatureScheme) bool {
		scheme := suites.SchemeByID(id)
		return scheme == nil || s.suiteFor(scheme.Auth12()) == nil
	})
	req := &CredentialRequest{
		Server: true, Version: iana.TLS12, ServerName: s.hello.ServerName, RawKeys: s.kinds.own == iana.CertTypeRawPublicKey,
		groups: s.hello.SupportedGroups, SignatureSchemes: schemes, CertSchemes: s.hello.SignatureAlgsCert, Authorities: s.hello.CertAuthorities,
		Hello: s.cfg.helloFor(s.hello, false),
	}
	return s.cfg.credential(req, func(c *Credential, scheme *suites.Scheme, do *effects) (state, error) {
		suite := s.suiteFor(suites.AuthPSK)
		if c != nil {
			s.cred, s.scheme = c, scheme
			suite = s.suiteFor(scheme.Auth12())
		}
		if suite == nil {
			return nil, &Error{
				Fault: FaultIncompatible, Alert: iana.AlertHandshakeFailure,
				Reason: "no certificate of this server fits the client's suites and signature algorithms", Got: list(s.hello.SignatureAlgorithms),
			}
		}
		s.use(suite)
		return s.full(do)
	}), nil
}

// suiteFor returns the first suite of the choice with a kind of authentication.
func (s *reply12) suiteFor(auth suites.Auth) *suites.Suite12 {
	for _, suite := range s.choice.suites {
		if suite.Auth == auth {
			return suite
		}
	}
	return nil
}

// random32 fills the server's random value. RFC 9846, Section 4.1.3: a server
// that supports TLS 1.3 MUST show that in the last eight bytes.
func (s *reply12) random32() (random [32]byte, err error) {
	if _, err := io.ReadFull(s.cfg.random(), random[:]); err != nil {
		return random, local("the random source failed", err)
	}
	if slices.Contains(s.cfg.versions(), iana.TLS13) {
		copy(random[24:], wire.DowngradeTLS12)
	}
	return random, nil
}
