package engine

import (
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// A SessionQuery asks a server for the session of a ticket or an ID.
type SessionQuery struct{ Ticket, ID []byte }

// findSession looks for the session that the client names, and whether it may resume it.
func (s *deciding) findSession() state {
	return &wait[*Session]{
		what: "the session that the client names",
		q:    &SessionQuery{Ticket: s.hello.SessionTicket, ID: s.hello.SessionID},
		try:  sessionFinder(s.cfg, s.hello),
		then: func(old *Session, do *effects) (state, error) {
			ok, err := s.mayResume(old)
			switch {
			case err != nil:
				return nil, err
			case !ok:
				return s.decide(do)
			}
			return s.stillGood(old, do)
		},
	}
}

// stillGood resumes a session if the pre-shared key that it began with is known still,
// and what the client showed is accepted still.
func (s *deciding) stillGood(old *Session, do *effects) (state, error) {
	return s.cfg.stillKnown(old, func(known bool, do *effects) (state, error) {
		if !known {
			return s.decide(do)
		}
		return s.cfg.reverify(old, func(accepted bool, do *effects) (state, error) {
			switch {
			case accepted:
				s.known.session = old
			case s.cfg.SessionIDs != nil && len(s.hello.SessionTicket) == 0:
				s.cfg.SessionIDs.Forget(s.hello.SessionID)
			}
			return s.decide(do)
		}, do)
	}, do)
}

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

// mayResume reports whether this client may resume the session. RFC 5246,
// Section 7.4.1.2; RFC 7627, Section 5.3.
func (s *deciding) mayResume(old *Session) (bool, error) {
	if !old.good12(s.cfg) || old.Datagram != s.info.datagram {
		return false, nil
	}
	if !s.hello.ExtendedMasterSecret {
		return false, broken(iana.AlertHandshakeFailure, "the client did not offer extended master secret, which its session used")
	}
	return old.ServerName == s.hello.ServerName && // RFC 6066, Section 3
		slices.Contains(s.hello.CipherSuites, old.CipherSuite) &&
		s.cfg.acceptsClient(old), nil
}
