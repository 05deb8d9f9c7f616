package engine

import (
	"crypto"
	"io"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// sendHello sends the ServerHello. RFC 5246, Section 7.4.1.3.
func (s *reply12) sendHello(do *effects) error {
	random, err := s.random32()
	if err != nil {
		return err
	}
	sh := &wire.ServerHello{
		LegacyVersion: iana.TLS12, Random: random, SessionID: s.id, CipherSuite: s.suite.ID,
		ServerNameAck: s.hello.ServerName != "" && s.cred != nil,
		ALPN:          s.choice.alpn, ExtendedMasterSecret: s.choice.extended, SessionTicket: s.ticket,
	}
	if s.choice.indicate {
		sh.RenegotiationInfo = []byte{}
	}
	if s.suite.ECDHE && s.hello.ECPointFormats != nil {
		sh.ECPointFormats = []byte{0}
	}
	agreed, limit, fragment := s.cfg.answerSizes(s.hello, 0)
	sh.RecordSizeLimit, sh.MaxFragmentLength = limit, fragment
	if s.agreed {
		sh.ClientCertType, sh.ServerCertType = answerKinds(s.hello, s.kinds, s.cred != nil && s.cfg.ClientAuth != NoClientCert)
	}
	if s.cred != nil {
		sh.StatusRequest = s.sendsStatus()
		if s.hello.SCT {
			sh.SCTs = s.cred.SCTs
		}
	}
	s.answer = random[:]
	raw, err := sh.AppendTo(nil)
	if err != nil {
		return local("ServerHello cannot be written", err)
	}
	s.post(raw, do)
	if agreed.send > 0 {
		do.limits(agreed.send, agreed.receive)
	}
	return nil
}

// sendsStatus reports whether an OCSP response goes along with the certificate.
func (s *reply12) sendsStatus() bool {
	return s.hello.StatusRequest && len(s.cred.OCSPStaple) > 0 && s.kinds.own == iana.CertTypeX509
}

// full answers with a new session.
func (s *reply12) full(do *effects) (state, error) {
	if !s.ticket && s.cfg.SessionIDs != nil && s.cfg.Now != nil && s.choice.extended {
		s.id = make([]byte, 32)
		if _, err := io.ReadFull(s.cfg.random(), s.id); err != nil {
			return nil, local("the random source failed", err)
		}
	}
	do.turn = true
	if err := s.sendHello(do); err != nil {
		return nil, err
	}
	if s.suite.Auth == suites.AuthPSK {
		s.forget()
		return s.offerPSK(do)
	}
	if err := s.showCertificate(s.cred, do); err != nil {
		return nil, err
	}
	if s.sendsStatus() {
		raw, err := (&wire.CertificateStatus12{Response: s.cred.OCSPStaple}).AppendTo(nil)
		if err != nil {
			return nil, local("CertificateStatus cannot be written", err)
		}
		s.post(raw, do)
	}
	kx := new(wire.ServerKeyExchange12)
	if err := s.share(kx); err != nil {
		return nil, err
	}
	content := s.signed(wire.AppendECDHParams(nil, kx.Group, kx.Public))
	return s.sign(s.cred, s.scheme, content, func(sig []byte, do *effects) (state, error) {
		kx.Algorithm, kx.Signature = s.scheme.ID, sig
		if err := s.sendKeyExchange(kx, do); err != nil {
			return nil, err
		}
		return s.endFlight(do)
	}), nil
}

// share makes the server's half of the key exchange.
func (s *reply12) share(kx *wire.ServerKeyExchange12) error {
	var err error
	kx.Group = s.choice.group.ID
	s.info.Group = kx.Group
	if s.private, kx.Public, err = s.choice.group.Generate(s.cfg.random()); err != nil {
		return local("a key share cannot be made", err)
	}
	return nil
}

func (s *reply12) sendKeyExchange(kx *wire.ServerKeyExchange12, do *effects) error {
	raw, err := kx.AppendTo(nil)
	if err != nil {
		return local("ServerKeyExchange cannot be written", err)
	}
	s.post(raw, do)
	return nil
}

// offerPSK sends the hint, if there is one, and the share, if the suite has
// one. Without either the message is left out. RFC 4279, Section 2.
func (s *reply12) offerPSK(do *effects) (state, error) {
	kx := &wire.ServerKeyExchange12{Hint: append([]byte{}, s.cfg.PSKHint...)}
	if s.suite.ECDHE {
		if err := s.share(kx); err != nil {
			return nil, err
		}
	}
	if s.suite.ECDHE || len(kx.Hint) > 0 {
		if err := s.sendKeyExchange(kx, do); err != nil {
			return nil, err
		}
	}
	s.post(wire.AppendEmpty(nil, iana.HandshakeServerHelloDone), do)
	return &awaitClientKeyExchange12{server12: s.server12}, nil
}

// endFlight asks for the client's certificate, if the configuration does, and
// ends the flight.
func (s *reply12) endFlight(do *effects) (state, error) {
	asks := s.cfg.ClientAuth != NoClientCert
	s.info.asked = asks
	if asks {
		raw, err := (&wire.CertificateRequest12{
			CertificateTypes:    []byte{certRSASign, certECDSASign},
			SignatureAlgorithms: schemes12(s.cfg.schemes()), CertAuthorities: s.cfg.ClientAuthorities,
		}).AppendTo(nil)
		if err != nil {
			return nil, local("CertificateRequest cannot be written", err)
		}
		s.post(raw, do)
	}
	s.post(wire.AppendEmpty(nil, iana.HandshakeServerHelloDone), do)
	if asks {
		return &awaitClientCertificate12{s.server12}, nil
	}
	return &awaitClientKeyExchange12{server12: s.server12}, nil
}

// awaitClientCertificate12 waits for the client's certificate, perhaps an empty one.
type awaitClientCertificate12 struct{ *server12 }

func (s *awaitClientCertificate12) awaits() string { return "certificate" }

func (s *awaitClientCertificate12) handle(m message, _ *effects) (state, error) {
	if m.typ != iana.HandshakeCertificate {
		return nil, unexpected(s.awaits(), m)
	}
	peer, err := s.readCertificate(m)
	if err != nil {
		return nil, err
	}
	s.add(m.raw)
	if peer.empty() {
		if s.cfg.ClientAuth == RequireClientCert {
			// RFC 5246, Section 7.4.6: certificate_required came with TLS 1.3.
			return nil, &Error{Fault: FaultCertificate, Alert: iana.AlertHandshakeFailure, Reason: "the client showed no certificate, and one is required"}
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

func (s *awaitClientKeyExchange12) awaits() string { return "client_key_exchange" }

func (s *awaitClientKeyExchange12) handle(m message, do *effects) (state, error) {
	if m.typ != iana.HandshakeClientKeyExchange {
		return nil, unexpected(s.awaits(), m)
	}
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
		return nil, &Error{Fault: FaultPeer, Alert: iana.AlertIllegalParameter, Reason: "the client's key share is wrong", Err: err}
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
				return nil, &Error{
					Fault: FaultIncompatible, Alert: iana.AlertUnknownPSKIdentity, Reason: "the client has no pre-shared key that is known here",
					Hint: "both sides need the same key under the same identity",
				}
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

func (s *awaitClientCertificateVerify12) awaits() string { return "certificate_verify" }

func (s *awaitClientCertificateVerify12) handle(m message, _ *effects) (state, error) {
	if m.typ != iana.HandshakeCertificateVerify {
		return nil, unexpected(s.awaits(), m)
	}
	cv, err := wire.ParseCertificateVerify(m.body)
	if err != nil {
		return nil, err
	}
	content := s.messages
	s.forget()
	if err := s.checkSignature(cv.Algorithm, s.cfg.schemes(), s.key, content, cv.Signature); err != nil {
		return nil, err
	}
	s.add(m.raw)
	return &awaitClientCCS12{s.server12}, nil
}

// awaitClientCCS12 waits for the client's change_cipher_spec.
type awaitClientCCS12 struct{ *server12 }

func (s *awaitClientCCS12) awaits() string { return "change_cipher_spec" }

func (s *awaitClientCCS12) changeCipherSpec(do *effects) (state, error) {
	client, _ := s.directions()
	return &awaitClientFinished12{s.server12}, s.openWith(client, do)
}

// awaitClientFinished12 waits for the client's Finished.
type awaitClientFinished12 struct{ *server12 }

func (s *awaitClientFinished12) awaits() string { return "finished" }

func (s *awaitClientFinished12) handle(m message, do *effects) (state, error) {
	if m.typ != iana.HandshakeFinished {
		return nil, unexpected(s.awaits(), m)
	}
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
	case s.ticket:
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
		raw, err := (&wire.NewSessionTicket12{Lifetime: uint32(session.Lifetime / time.Second), Ticket: ticket}).AppendTo(nil)
		if err != nil {
			return local("NewSessionTicket cannot be written", err)
		}
		s.post(raw, do)
	case len(s.id) > 0:
		if err := s.cfg.SessionIDs.Store(s.id, s.session()); err != nil {
			return local("a session cannot be kept", err)
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
		if s := suites.SchemeByID(id); s != nil && s.TLS12 {
			kept = append(kept, id)
		}
	}
	return kept
}
