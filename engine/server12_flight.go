package engine

import (
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// A flight12 is the server's answer to a ClientHello with TLS 1.2.
type flight12 struct {
	*server12
	hello *wire.ClientHello
}

// answer12 answers with a new session, or with the keys of an earlier one. RFC 5246,
// Section 7.3.
func (s *decided) answer12(do *effects) (state, error) {
	s.info.CipherSuite = s.d.suite12.ID
	f := &flow12{
		cfg: s.cfg, info: s.info, suite: s.d.suite12, kinds: s.d.kinds, random: s.hello.Random[:],
		keep: s.d.asks,
	}
	f.numbers = s.info.numbers12()
	f.transcript.choose(f.suite.Hash)
	f.add(s.m.raw)
	a := &flight12{server12: &server12{flow12: f, d: s.d}, hello: s.hello}
	do.turn = true
	if s.d.session == nil {
		return a.full(do)
	}
	a.id = s.hello.SessionID
	if err := a.sendHello(do); err != nil {
		return nil, err
	}
	a.resume(s.d.session)
	if err := a.sendFinished(do); err != nil {
		return nil, err
	}
	return &awaitClientCCS12{a.server12}, nil
}

// sendHello sends the ServerHello. RFC 5246, Section 7.4.1.3.
func (s *flight12) sendHello(do *effects) error {
	random, err := s.random32()
	if err != nil {
		return err
	}
	sh := &wire.ServerHello{
		LegacyVersion: iana.TLS12, Random: random, SessionID: s.id, CipherSuite: s.suite.ID,
		Datagram:      s.info.datagram,
		ServerNameAck: s.usesName(),
		ALPN:          s.d.alpn, ExtendedMasterSecret: s.d.extended, SessionTicket: s.d.ticket,
	}
	if s.d.indicate {
		sh.RenegotiationInfo = []byte{}
	}
	if s.suite.ECDHE && s.hello.ECPointFormats != nil {
		sh.ECPointFormats = []byte{0}
	}
	agreed, limit, fragment := s.cfg.answerSizes(s.hello, 0)
	sh.RecordSizeLimit, sh.MaxFragmentLength = limit, fragment
	if s.d.agreed {
		sh.ClientCertType, sh.ServerCertType = answerKinds(s.hello, &s.kinds, s.d.asks)
	}
	if s.d.proof != nil {
		sh.StatusRequest = s.sendsStatus()
		if s.hello.SCT {
			sh.SCTs = s.d.proof.cred.SCTs
		}
	}
	if err := s.cfg.answerDatagrams(s.info, s.hello, sh); err != nil {
		return err
	}
	sh.SRTP = s.cfg.answerSRTP(s.info, s.hello)
	s.answer = random[:]
	if err := s.post(sh, do); err != nil {
		return err
	}
	if agreed.send > 0 {
		do.limits(agreed.send, agreed.receive)
	}
	return nil
}

// usesName reports whether there is a name of the client's that guides the choice of the certificate, so that
// the server "SHALL" answer server_name: RFC 6066, Section 3. With one certificate it does not.
// In DTLS the answer is then left out, because pion/dtls, which WebRTC is made with in Go, cannot
// read it. In TLS every client reads it.
func (s *flight12) usesName() bool {
	if s.hello.ServerName == "" || s.d.proof == nil {
		return false
	}
	return s.info.Datagram == nil || s.info.Datagram.named || s.cfg.SelectCredential != nil ||
		len(s.cfg.Credentials) != 1
}

// sendsStatus reports whether an OCSP response goes along with the certificate.
func (s *flight12) sendsStatus() bool {
	return s.hello.StatusRequest && len(s.d.proof.cred.OCSPStaple) > 0 && s.kinds.own == iana.CertTypeX509
}

// sendStatus sends the OCSP response, if there is one to send.
func (s *flight12) sendStatus(do *effects) error {
	if !s.sendsStatus() {
		return nil
	}
	return s.post(&wire.CertificateStatus12{Response: s.d.proof.cred.OCSPStaple}, do)
}

// full answers with a new session.
func (s *flight12) full(do *effects) (state, error) {
	if !s.d.ticket && s.cfg.SessionIDs != nil && s.cfg.Now != nil && s.d.extended {
		s.id = make([]byte, 32)
		if err := s.cfg.fill(s.id); err != nil {
			return nil, err
		}
	}
	if err := s.sendHello(do); err != nil {
		return nil, err
	}
	if s.suite.Auth == suites.AuthPSK {
		return s.offerPSK(do)
	}
	if err := s.showCertificate(s.d.proof.cred, do); err != nil {
		return nil, err
	}
	if err := s.sendStatus(do); err != nil {
		return nil, err
	}
	kx := new(wire.ServerKeyExchange12)
	if err := s.share(kx); err != nil {
		return nil, err
	}
	content := s.signed(wire.AppendECDHParams(nil, kx.Group, kx.Public))
	p := s.d.proof
	return s.sign(p.cred, p.scheme, content, do, func(sig []byte, do *effects) (state, error) {
		kx.Algorithm, kx.Signature = p.scheme.ID, sig
		if err := s.post(kx, do); err != nil {
			return nil, err
		}
		return s.endFlight(do)
	})
}

// share makes the server's half of the key exchange.
func (s *flight12) share(kx *wire.ServerKeyExchange12) error {
	var err error
	kx.Group = s.d.group.ID
	s.info.Group = kx.Group
	if s.private, kx.Public, err = s.d.group.Generate(s.cfg.random()); err != nil {
		return local("a key share cannot be made", err)
	}
	return nil
}

// offerPSK sends the hint, if there is one, and the share, if the suite has
// one. Without either the message is left out. RFC 4279, Section 2.
func (s *flight12) offerPSK(do *effects) (state, error) {
	kx := &wire.ServerKeyExchange12{Hint: append([]byte{}, s.cfg.PSKHint...)}
	if s.suite.ECDHE {
		if err := s.share(kx); err != nil {
			return nil, err
		}
	}
	if s.suite.ECDHE || len(kx.Hint) > 0 {
		if err := s.post(kx, do); err != nil {
			return nil, err
		}
	}
	s.postRaw(wire.AppendEmpty(nil, iana.HandshakeServerHelloDone), do)
	return &awaitClientKeyExchange12{server12: s.server12}, nil
}

// endFlight asks for the client's certificate, if the configuration does, and
// ends the flight.
func (s *flight12) endFlight(do *effects) (state, error) {
	s.info.asked = s.d.asks
	if s.d.asks {
		err := s.post(&wire.CertificateRequest12{
			CertificateTypes:    []byte{certRSASign, certECDSASign},
			SignatureAlgorithms: schemes12(s.cfg.schemes()), CertAuthorities: s.cfg.ClientAuthorities,
		}, do)
		if err != nil {
			return nil, err
		}
	}
	s.postRaw(wire.AppendEmpty(nil, iana.HandshakeServerHelloDone), do)
	if s.d.asks {
		return &awaitClientCertificate12{s.server12}, nil
	}
	return &awaitClientKeyExchange12{server12: s.server12}, nil
}

// random32 fills the server's random value. RFC 9846, Section 4.1.3: a server
// that supports TLS 1.3 MUST show that in the last eight bytes.
func (s *flight12) random32() (random [32]byte, err error) {
	if err := s.cfg.fill(random[:]); err != nil {
		return random, err
	}
	if slices.Contains(s.cfg.versions(), iana.TLS13) {
		copy(random[24:], wire.DowngradeTLS12)
	}
	return random, nil
}
