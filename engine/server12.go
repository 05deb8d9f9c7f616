package engine

import (
	"crypto"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// server12 is what a server carries through the rest of a TLS 1.2 handshake.
type server12 struct {
	*flow12
	d       *decision
	id      []byte         // the session ID that it made, or echoes
	private suites.Private // of the key exchange
}

// awaitClientCertificate12 waits for the client's certificate, perhaps an empty one.
type awaitClientCertificate12 struct{ *server12 }

func (s *awaitClientCertificate12) awaits() awaited { return awaited{iana.HandshakeCertificate} }

func (s *awaitClientCertificate12) handle(m message, _ *effects) (state, error) {
	peer, err := s.readCertificate(m)
	if err != nil {
		return nil, err
	}
	s.add(m.raw)
	if peer.empty() {
		if s.cfg.ClientAuth == RequireClientCert {
			// RFC 5246, Section 7.4.6: certificate_required came with TLS 1.3.
			return nil, &Error{Fault: FaultCertificate, Alert: iana.AlertHandshakeFailure, Reason: "the client sent no certificate, but one is required"}
		}
		s.forget()
		return &awaitClientKeyExchange12{server12: s.server12}, nil
	}
	return s.verify(peer, func(key crypto.PublicKey, _ *effects) (state, error) {
		return &awaitClientKeyExchange12{server12: s.server12, key: key}, nil
	}), nil
}

// awaitClientKeyExchange12 waits for the client's share, its pre-shared key's
// identity, or both.
type awaitClientKeyExchange12 struct {
	*server12
	key crypto.PublicKey // nil if the client showed no certificate
}

func (s *awaitClientKeyExchange12) awaits() awaited { return awaited{iana.HandshakeClientKeyExchange} }

func (s *awaitClientKeyExchange12) handle(m message, do *effects) (state, error) {
	psk := s.suite.Auth == suites.AuthPSK
	kx, err := wire.ParseClientKeyExchange12(m.body, psk, s.suite.ECDHE)
	if err != nil {
		return nil, err
	}
	var secret []byte
	if s.suite.ECDHE {
		if secret, err = s.decapsulate(kx.Public); err != nil {
			return nil, err
		}
	}
	s.private = nil
	s.add(m.raw)
	if psk {
		return s.findPSK(kx.Identity, secret), nil
	}
	s.agree(secret)
	if s.key == nil {
		return &awaitClientCCS12{s.server12}, nil
	}
	return &awaitClientCertificateVerify12{s.server12, s.key}, nil
}

func (s *awaitClientKeyExchange12) decapsulate(share []byte) ([]byte, error) {
	group := suites.GroupByID(s.info.Group)
	secret, err := group.Decapsulate(s.private, share)
	if err != nil {
		return nil, invalidShare("client", err)
	}
	return secret, nil
}

// findPSK continues with the key that the client names. RFC 4279, Section 2.
func (s *awaitClientKeyExchange12) findPSK(identity, shared []byte) state {
	return &wait[*PSK]{
		what: "the pre-shared key that the client names",
		q:    &PSKQuery{Identity: identity},
		try:  func() (*PSK, error) { return s.cfg.FindPSK(identity) },
		then: func(p *PSK, _ *effects) (state, error) {
			if p == nil || !p.fits12() {
				return nil, unknownKey()
			}
			if err := p.checkKey(identity); err != nil {
				return nil, err
			}
			s.info.PSKIdentity = identity
			s.agree(keys.PSKPremaster12(p.secret.bytes(), shared))
			return &awaitClientCCS12{s.server12}, nil
		},
	}
}

// awaitClientCertificateVerify12 waits for the proof that the client holds its key.
type awaitClientCertificateVerify12 struct {
	*server12
	key crypto.PublicKey
}

func (s *awaitClientCertificateVerify12) awaits() awaited {
	return awaited{iana.HandshakeCertificateVerify}
}

func (s *awaitClientCertificateVerify12) handle(m message, _ *effects) (state, error) {
	cv, err := wire.ParseCertificateVerify(m.body)
	if err != nil {
		return nil, err
	}
	content := s.messages
	s.forget()
	if err := s.checkSignature(iana.TLS12, cv.Algorithm, s.cfg.schemes(), s.key, content, cv.Signature); err != nil {
		return nil, err
	}
	s.add(m.raw)
	return &awaitClientCCS12{s.server12}, nil
}

// awaitClientCCS12 waits for the client's change_cipher_spec.
type awaitClientCCS12 struct{ *server12 }

func (s *awaitClientCCS12) changeCipherSpec(do *effects) (state, error) {
	client, _ := s.directions()
	return &awaitClientFinished12{s.server12}, s.openWith(client, do)
}

// awaitClientFinished12 waits for the client's Finished.
type awaitClientFinished12 struct{ *server12 }

func (s *awaitClientFinished12) awaits() awaited { return awaited{iana.HandshakeFinished} }

func (s *awaitClientFinished12) handle(m message, do *effects) (state, error) {
	if err := s.checkFinished(m, s.master.ClientFinished(s.transcript.sum())); err != nil {
		return nil, err
	}
	if s.info.Resumed {
		if s.cfg.SessionIDs != nil {
			s.info.sessionID = s.id // only now: an unauthenticated client must not end it
		}
		return s.open(false, do), nil
	}
	if err := s.remember(do); err != nil {
		return nil, err
	}
	if err := s.sendFinished(do); err != nil {
		return nil, err
	}
	return s.open(false, do), nil
}

// remember makes the session resumable: by a ticket or by its ID.
func (s *server12) remember(do *effects) error {
	switch {
	case s.d.ticket:
		session := s.session()
		ticket, err := s.cfg.Tickets.Issue(session)
		if err != nil {
			return local("a ticket cannot be made", err)
		}
		if len(ticket) > maxTicket {
			// RFC 5077, Section 3.3: a server that has announced a ticket and
			// sends none MUST send an empty one.
			ticket = nil
		}
		lifetime := uint32(session.Lifetime / time.Second)
		return s.post(&wire.NewSessionTicket12{Lifetime: lifetime, Ticket: ticket}, do)
	case len(s.id) > 0:
		if err := s.cfg.SessionIDs.Store(s.id, s.session()); err != nil {
			return local("a session cannot be stored", err)
		}
		s.info.sessionID = s.id
	}
	return nil
}

// sendFinished sends the server's change_cipher_spec and Finished.
func (s *server12) sendFinished(do *effects) error {
	_, own := s.directions()
	if err := s.sealWith(own, do); err != nil {
		return err
	}
	return s.finished(s.master.ServerFinished(s.transcript.sum()), do)
}

// schemes12 drops the schemes that TLS 1.2 cannot use.
func schemes12(list []iana.SignatureScheme) []iana.SignatureScheme {
	var kept []iana.SignatureScheme
	for _, id := range list {
		if suites.SchemeByID(id).In(iana.TLS12) {
			kept = append(kept, id)
		}
	}
	return kept
}
