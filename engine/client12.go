package engine

import (
	"bytes"
	"crypto"
	"io"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// offer12 adds to the hello what only TLS 1.2 needs.
func (o *offer) offer12(random io.Reader) error {
	h, cfg := o.hello, o.cfg
	h.ExtendedMasterSecret = true
	h.RenegotiationInfo = []byte{}
	h.ECPointFormats = []byte{0} // uncompressed. RFC 8422, Section 5.1.2.
	if cfg.Verifier == nil {
		h.CipherSuites = slices.DeleteFunc(slices.Clone(h.CipherSuites), func(id iana.CipherSuite) bool {
			s := suites.TLS12(id)
			return s != nil && s.Auth != suites.AuthPSK
		})
	}
	if !o.speaks(iana.TLS13) {
		h.SupportedGroups = ecdheGroups(cfg.groups())
		if !slices.ContainsFunc(h.CipherSuites, withECDHE) {
			// RFC 8422, Section 4: the extensions are not sent without a suite for them.
			h.SupportedGroups, h.ECPointFormats = nil, nil
		}
		h.RecordSizeLimit = uint16(cfg.RecordSizeLimit)
	}
	if cfg.Now == nil {
		return nil
	}
	if !cfg.NoTickets {
		h.SessionTicket = []byte{}
	}
	old := o.session
	if !old.good12(cfg.Config) {
		return nil
	}
	switch {
	case len(old.Ticket) > 0 && !cfg.NoTickets:
		// RFC 5077, Section 3.4: a server that accepts the ticket echoes the
		// session ID, which may have any value.
		o.old, h.SessionTicket = old, old.Ticket
		return o.newSessionID(random)
	case len(old.SessionID) > 0:
		o.old, h.SessionID = old, old.SessionID
	}
	return nil
}

// withECDHE reports whether a suite of TLS 1.2 has a key exchange on elliptic curves.
func withECDHE(id iana.CipherSuite) bool {
	s := suites.TLS12(id)
	return s != nil && s.ECDHE
}

// drop12 takes out of a hello what is there for TLS 1.2.
func drop12(h *wire.ClientHello) {
	h.ExtendedMasterSecret, h.RenegotiationInfo, h.ECPointFormats, h.SessionTicket = false, nil, nil, nil
	h.SupportedVersions = slices.DeleteFunc(slices.Clone(h.SupportedVersions), func(v iana.Version) bool { return v == iana.TLS12 })
	h.CipherSuites = slices.DeleteFunc(slices.Clone(h.CipherSuites), func(id iana.CipherSuite) bool { return suites.TLS12(id) != nil })
}

// client12 is what a client carries through a TLS 1.2 handshake.
type client12 struct {
	*flow12
	offer  *offer
	ticket bool   // the server will send one
	id     []byte // the server's ID of the session
	made   *Session
}

// accept12 takes a ServerHello that chooses TLS 1.2. RFC 5246, Section 7.4.1.3.
func (s *awaitServerHello) accept12(sh *wire.ServerHello, m message, do *effects) (state, error) {
	suite, err := s.checkServerHello12(sh)
	if err != nil {
		return nil, err
	}
	f := &flow12{cfg: s.cfg.Config, info: s.info, suite: suite, random: s.hello.Random[:], answer: sh.Random[:], keep: true}
	f.info.Version, f.info.CipherSuite = iana.TLS12, suite.ID
	f.info.ALPN, f.info.ExtendedMasterSecret = sh.ALPN, sh.ExtendedMasterSecret
	agreed, err := s.takeSizes(sh.RecordSizeLimit, sh.MaxFragmentLength, 0)
	if err == nil {
		err = s.takeDatagrams(f.info, sh, sh.SRTP)
	}
	if err != nil {
		return nil, err
	}
	if agreed.send > 0 {
		do.limits(agreed.send, agreed.receive)
	}
	s.shares = nil
	f.numbers = s.info.numbers12()
	f.record(s.raw, &f.numbers.own)
	f.transcript.choose(suite.Hash)
	f.add(m.raw)
	c := &client12{flow12: f, offer: s.offer, ticket: sh.SessionTicket, id: sh.SessionID}
	if len(s.hello.SessionID) > 0 && bytes.Equal(sh.SessionID, s.hello.SessionID) {
		return c.resumed(do)
	}
	if suite.Auth == suites.AuthPSK {
		f.forget() // no certificates, so no signature over the messages
		return &awaitServerKeyExchange12{client12: c}, nil
	}
	if f.kinds, err = s.takeKinds(sh.ClientCertType, sh.ServerCertType, true); err != nil {
		return nil, err
	}
	return &awaitServerCertificate12{client12: c, status: sh.StatusRequest, scts: sh.SCTs}, nil
}

// checkServerHello12 checks a ServerHello of TLS 1.2.
func (s *awaitServerHello) checkServerHello12(sh *wire.ServerHello) (*suites.Suite12, error) {
	if _, down := wire.DowngradeSentinel(sh.Random); down && s.speaks(iana.TLS13) {
		// RFC 9846, Section 4.1.3: clients MUST check this and end the
		// handshake with illegal_parameter.
		return nil, &Error{
			Fault: FaultPeer, Alert: iana.AlertIllegalParameter, Reason: "the server chose TLS 1.2, although its random value states that it supports TLS 1.3",
			Hint: "an attacker or a middlebox between both sides lowered the version",
		}
	}
	if s.early {
		// RFC 9846, Appendix D.3: 0-RTT data and an older version do not go
		// together.
		return nil, broken(iana.AlertProtocolVersion, "the server chose TLS 1.2 after 0-RTT data was sent")
	}
	suite := suites.TLS12(sh.CipherSuite)
	if suite == nil || !slices.Contains(s.hello.CipherSuites, sh.CipherSuite) {
		return nil, illegal("the server chose cipher suite %v, which was not offered", sh.CipherSuite)
	}
	if sh.Compression != 0 {
		return nil, illegal("the server chose a compression method")
	}
	err := s.checkExtensions("server_hello", sh.Present,
		iana.ExtServerName, iana.ExtRenegotiationInfo, iana.ExtExtendedMasterSecret, iana.ExtSessionTicket,
		iana.ExtECPointFormats, iana.ExtALPN, iana.ExtStatusRequest, iana.ExtSCT,
		iana.ExtClientCertType, iana.ExtServerCertType, iana.ExtRecordSizeLimit, iana.ExtMaxFragmentLength,
		iana.ExtConnectionID, iana.ExtRRC, iana.ExtUseSRTP,
		iana.ExtSupportedGroups) // some servers answer it, though only clients should send it
	if err != nil {
		return nil, err
	}
	return suite, s.checkAnswers12(sh)
}

// checkAnswers12 checks the values of the server's extensions.
func (o *offer) checkAnswers12(sh *wire.ServerHello) error {
	switch {
	case len(sh.RenegotiationInfo) > 0:
		// RFC 5746, Section 3.4: not empty in a first handshake is an attack.
		return broken(iana.AlertHandshakeFailure, "the server's renegotiation_info is not that of an initial handshake")
	case sh.ECPointFormats != nil && !slices.Contains(sh.ECPointFormats, 0):
		return illegal("the server does not support uncompressed points")
	case sh.ALPN != "" && !slices.Contains(o.hello.ALPN, sh.ALPN):
		return illegal("the server chose application protocol %q, which was not offered", sh.ALPN)
	case !sh.ExtendedMasterSecret && o.cfg.RequireExtendedMasterSecret:
		return incompatible(iana.AlertHandshakeFailure,
			"the server does not support extended master secret, and it is required", "")
	}
	return nil
}

// resumed continues after a ServerHello that resumes the session. RFC 5246, Section 7.3.
func (c *client12) resumed(do *effects) (state, error) {
	old := c.offer.old
	switch {
	case old == nil:
		return nil, illegal("the server resumed a session that was not offered")
	case old.CipherSuite != c.suite.ID:
		return nil, illegal("the server resumed a session of cipher suite %v with %v", old.CipherSuite, c.suite.ID)
	case !c.info.ExtendedMasterSecret:
		// RFC 7627, Section 5.3: the client MUST abort the handshake.
		return nil, broken(iana.AlertHandshakeFailure, "the server resumed a session without extended master secret")
	}
	c.forget()
	c.made = old
	c.resume(old)
	return c.awaitEnd(), nil
}

// awaitServerCertificate12 waits for the server's certificate.
type awaitServerCertificate12 struct {
	*client12
	status bool // a CertificateStatus may follow
	scts   [][]byte
}

func (s *awaitServerCertificate12) awaits() awaited { return awaited{iana.HandshakeCertificate} }

func (s *awaitServerCertificate12) handle(m message, _ *effects) (state, error) {
	peer, err := s.readCertificate(m)
	if err != nil {
		return nil, err
	}
	if peer.empty() {
		return nil, broken(iana.AlertDecodeError, "the server sent no certificate")
	}
	s.add(m.raw)
	peer.Server, peer.ServerName, peer.SCTs = true, s.offer.hello.ServerName, s.scts
	if s.status {
		return &awaitCertificateStatus12{client12: s.client12, peer: peer}, nil
	}
	return s.verify(peer, func(key crypto.PublicKey, _ *effects) (state, error) {
		return &awaitServerKeyExchange12{client12: s.client12, key: key}, nil
	}), nil
}

// awaitCertificateStatus12 waits for the OCSP response, which the server may
// leave out even if it announced it. RFC 6066, Section 8.
type awaitCertificateStatus12 struct {
	*client12
	peer *PeerCertificate
}

func (s *awaitCertificateStatus12) awaits() awaited {
	return awaited{iana.HandshakeCertificateStatus, iana.HandshakeServerKeyExchange}
}

func (s *awaitCertificateStatus12) handle(m message, _ *effects) (state, error) {
	if m.typ == iana.HandshakeServerKeyExchange {
		return s.verify(s.peer, func(key crypto.PublicKey, do *effects) (state, error) {
			return (&awaitServerKeyExchange12{client12: s.client12, key: key}).handle(m, do)
		}), nil
	}
	status, err := wire.ParseCertificateStatus12(m.body)
	if err != nil {
		return nil, err
	}
	s.add(m.raw)
	s.peer.OCSPStaple = status.Response
	return s.verify(s.peer, func(key crypto.PublicKey, _ *effects) (state, error) {
		return &awaitServerKeyExchange12{client12: s.client12, key: key}, nil
	}), nil
}

// awaitServerKeyExchange12 waits for the server's share or its hint. A server
// that has neither, with a pre-shared key alone, leaves the message out.
type awaitServerKeyExchange12 struct {
	*client12
	key crypto.PublicKey // nil with a pre-shared key
}

func (s *awaitServerKeyExchange12) awaits() awaited {
	if s.suite.ECDHE {
		return awaited{iana.HandshakeServerKeyExchange}
	}
	return awaited{iana.HandshakeServerKeyExchange, iana.HandshakeServerHelloDone}
}

func (s *awaitServerKeyExchange12) handle(m message, do *effects) (state, error) {
	psk := s.suite.Auth == suites.AuthPSK
	if m.typ == iana.HandshakeServerHelloDone {
		return (&awaitServerHelloDone12{client12: s.client12, exchange: new(wire.ServerKeyExchange12)}).handle(m, do)
	}
	kx, err := wire.ParseServerKeyExchange12(m.body, psk, s.suite.ECDHE)
	if err != nil {
		return nil, err
	}
	if s.suite.ECDHE && (!suites.ECDHE(kx.Group) || !slices.Contains(s.offer.hello.SupportedGroups, kx.Group)) {
		return nil, illegal("the server chose group %v, which was not offered", kx.Group)
	}
	if !psk {
		if scheme := suites.SchemeByID(kx.Algorithm); scheme != nil && scheme.Auth12() != s.suite.Auth {
			return nil, illegal("the server signed with %v, which cipher suite %v does not allow", kx.Algorithm, s.suite.ID)
		}
		if err := s.checkSignature(iana.TLS12, kx.Algorithm, s.offer.hello.SignatureAlgorithms, s.key, s.signed(kx.Params), kx.Signature); err != nil {
			return nil, err
		}
	}
	s.info.Group = kx.Group
	s.add(m.raw)
	if psk {
		return &awaitServerHelloDone12{client12: s.client12, exchange: kx}, nil
	}
	return &awaitCertificateRequest12{client12: s.client12, exchange: kx}, nil
}

// awaitCertificateRequest12 waits for the server's request for a certificate, or
// the end of its flight.
type awaitCertificateRequest12 struct {
	*client12
	exchange *wire.ServerKeyExchange12
}

func (s *awaitCertificateRequest12) awaits() awaited {
	return awaited{iana.HandshakeCertificateRequest, iana.HandshakeServerHelloDone}
}

func (s *awaitCertificateRequest12) handle(m message, do *effects) (state, error) {
	next := &awaitServerHelloDone12{client12: s.client12, exchange: s.exchange}
	if m.typ == iana.HandshakeServerHelloDone {
		return next.handle(m, do)
	}
	request, err := wire.ParseCertificateRequest12(m.body)
	if err != nil {
		return nil, err
	}
	s.add(m.raw)
	next.request = request
	return next, nil
}

// awaitServerHelloDone12 waits for the end of the server's flight.
type awaitServerHelloDone12 struct {
	*client12
	exchange *wire.ServerKeyExchange12
	request  *wire.CertificateRequest12 // nil if the server did not ask
}

func (s *awaitServerHelloDone12) awaits() awaited { return awaited{iana.HandshakeServerHelloDone} }

func (s *awaitServerHelloDone12) handle(m message, do *effects) (state, error) {
	if err := wire.ParseEmpty(m.typ, m.body); err != nil {
		return nil, err
	}
	s.add(m.raw)
	do.turn = true
	switch {
	case s.suite.Auth == suites.AuthPSK:
		return s.choosePSK(s.exchange, do)
	case s.request == nil:
		s.forget()
		return s.keyExchange(s.exchange, nil, do, s.finish)
	}
	return s.answerRequest(s.exchange, s.request, do)
}
