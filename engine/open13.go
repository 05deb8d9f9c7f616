package engine

import (
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// open13 is an open TLS 1.3 connection: it awaits what may come after the
// handshake. RFC 9846, Section 4.6.
type open13 struct {
	cfg        *Config
	info       *State
	suite      *suites.Suite
	traffic    keys.TrafficSecret    // the peer's
	client     bool                  // this side is the client
	resumption keys.ResumptionSecret // on a client
	late       *late
}

func (s *open13) awaits() awaited {
	list := append(awaited{iana.HandshakeKeyUpdate}, s.info.ids().awaits()...)
	switch {
	case s.info.quic && s.client:
		// RFC 9001, Section 6: "Endpoints MUST treat the receipt of a TLS KeyUpdate message
		// as a connection error of type 0x010a".
		return awaited{iana.HandshakeNewSessionTicket}
	case s.info.quic:
		return nil
	case s.client && s.late != nil:
		return append(list, iana.HandshakeNewSessionTicket, iana.HandshakeCertificateRequest)
	case s.client:
		return append(list, iana.HandshakeNewSessionTicket)
	case s.late.expected():
		return append(list, s.late.flow.certificates()...)
	}
	return list
}

func (s *open13) handle(m message, do *effects) (state, error) {
	switch m.typ {
	case iana.HandshakeKeyUpdate:
		return s.keyUpdate(m, do)
	case iana.HandshakeCertificateRequest:
		return s.lateRequest(m, do)
	case iana.HandshakeNewConnectionID, iana.HandshakeRequestConnectionID:
		return s, s.info.ids().take(m, do)
	case iana.HandshakeNewSessionTicket:
		session, err := s.takeTicket(m)
		if session != nil {
			do.events = append(do.events, Event{Kind: EventSession, Session: session})
		}
		return s, err
	}
	return s.lateCertificate(m)
}

// keyUpdate changes the receiving key and notifies the sending half, which changes its key
// before anything else is sent if the peer asks for that. RFC 9846, Section 4.6.3.
func (s *open13) keyUpdate(m message, do *effects) (state, error) {
	update, err := wire.ParseKeyUpdate(m.body)
	if err != nil {
		return nil, err
	}
	next := *s
	next.traffic = s.traffic.Next()
	if err := do.readKeys(s.suite, next.traffic, phaseApplication); err != nil {
		return nil, err
	}
	do.out = append(do.out, step{kind: stepKeyUpdate, answer: update.RequestUpdate})
	return &next, nil
}
