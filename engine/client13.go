package engine

import (
	"cmp"
	"crypto"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// awaitServerHello waits for the ServerHello, or for a HelloRetryRequest.
type awaitServerHello struct {
	*offer
	info *State
}

func (s *awaitServerHello) awaits() awaited {
	if s.cfg.datagram {
		return awaited{iana.HandshakeServerHello, iana.HandshakeHelloVerifyRequest}
	}
	return awaitedServerHello
}

// Lists that a handler returns each time, and nothing changes.
var (
	awaitedServerHello = awaited{iana.HandshakeServerHello}
	awaitedCertificate = awaited{iana.HandshakeCertificate}
	awaitedRequest     = awaited{iana.HandshakeCertificate, iana.HandshakeCertificateRequest}
)

func (s *awaitServerHello) handle(m message, do *effects) (state, error) {
	if m.typ == iana.HandshakeHelloVerifyRequest {
		return s.proveAddress(m, do)
	}
	sh, err := parseServerHello(m.body, s.cfg.datagram)
	if err != nil {
		return nil, err
	}
	version, err := s.chosenVersion(sh)
	if err != nil {
		return nil, err
	}
	if version == iana.TLS12 {
		return s.accept12(sh, m, do)
	}
	suite, err := s.checkServerHello(sh)
	if err != nil {
		return nil, err
	}
	if s.info.verifies > 0 {
		// RFC 9147, Section 5.1: a server of DTLS 1.3 sends a HelloRetryRequest.
		return nil, illegal("the server chose DTLS 1.3 after a HelloVerifyRequest")
	}
	room := new(struct {
		flow   flow13 // not embedded: the type would have its methods
		states clientStates
	})
	f := &room.flow
	f.cfg, f.info, f.random, f.suite = s.cfg.Config, s.info, s.hello.Random[:], suite
	f.states = &room.states
	f.info.Version, f.info.CipherSuite = iana.TLS13, suite.ID
	f.transcript.choose(suite.Hash)
	f.transcript.add(s.raw)
	if err := s.judgeECH(f, sh, m); err != nil {
		return nil, err
	}
	if sh.IsHelloRetryRequest() {
		return s.retry(f, sh, m, do)
	}
	return s.accept(f, sh, m, do)
}

// checkServerHello checks what ServerHello and HelloRetryRequest have in
// common. RFC 9846, Section 4.1.3.
func (o *offer) checkServerHello(sh *wire.ServerHello) (*suites.Suite, error) {
	if version, err := o.chosenVersion(sh); err != nil {
		return nil, err
	} else if version != iana.TLS13 {
		return nil, illegal("the server changed the version to %v", version)
	}
	if !o.sameSession(sh.SessionID) {
		return nil, illegal("the server did not echo the session ID")
	}
	if sh.Compression != 0 {
		// RFC 9846, Section 4.1.3: another value than 0 ends in illegal_parameter.
		return nil, illegal("the server chose a compression method")
	}
	suite := suites.TLS13(sh.CipherSuite)
	if suite == nil || !slices.Contains(o.hello.CipherSuites, sh.CipherSuite) {
		return nil, illegal("the server chose cipher suite %v, which was not offered", sh.CipherSuite)
	}
	return suite, nil
}

// accept takes a ServerHello: the keys of the handshake follow from it.
func (o *offer) accept(f *flow13, sh *wire.ServerHello, m message, do *effects) (state, error) {
	err := o.takeExtensions(f.info, sh)
	if err != nil {
		return nil, err
	}
	psk, early, err := o.selected(f, sh)
	if err != nil {
		return nil, err
	}
	var shared []byte
	switch {
	case sh.KeyShare != nil:
		if shared, err = o.secret(sh.KeyShare); err != nil {
			return nil, err
		}
		f.info.Group = sh.KeyShare.Group
	case psk == nil:
		return nil, missing(iana.ExtKeyShare)
	case !slices.Contains(o.hello.PSKModes, iana.PSKKE):
		// RFC 9846, Section 4.2.11: a choice that is not consistent with the modes.
		return nil, illegal("the server chose a pre-shared key without a key share, which the " +
			"modes that were offered require")
	}
	if psk == nil && f.cfg.Verifier == nil {
		return nil, incompatible(iana.AlertHandshakeFailure,
			"the server did not accept the pre-shared key", sameKeyHint)
	}
	f.transcript.add(m.raw)
	f.enterHandshake(early, shared)
	o.shares = nil
	if o.cfg.compatible() && !f.info.Retried && !o.early {
		do.changeCipherSpec()
	}
	if err := do.readKeys(f.suite, f.server, phaseHandshake); err != nil {
		return nil, err
	}
	if !o.keepsEarly() {
		if err := do.writeKeys(f.suite, f.client); err != nil {
			return nil, err
		}
	}
	next := &f.memory().extensions
	*next = awaitEncryptedExtensions{flow13: f, offer: o, psk: psk}
	return next, nil
}

// clientStates is the memory of the states that follow in a handshake of a client. Each is used
// once.
type clientStates struct {
	extensions  awaitEncryptedExtensions
	orRequest   awaitCertificateOrRequest
	certificate awaitCertificate
	proof       awaitCertificateVerify
	finished    awaitServerFinished
}

// memory returns that of a client's states.
func (f *flow13) memory() *clientStates {
	if f.states == nil {
		f.states = new(clientStates)
	}
	return f.states
}

// keepsEarly reports whether the key of 0-RTT data stays that of this side until the server's
// flight has ended. QUIC has both at once: it acknowledges the ServerHello under the other.
func (o *offer) keepsEarly() bool { return o.hello.EarlyData && o.cfg.quic == nil }

// awaitEncryptedExtensions waits for the server's answers to the extensions.
type awaitEncryptedExtensions struct {
	*flow13
	*offer
	psk *presharedKey // nil if the server proves itself by certificate
}

func (s *awaitEncryptedExtensions) awaits() awaited {
	return awaited{iana.HandshakeEncryptedExtensions}
}

func (s *awaitEncryptedExtensions) handle(m message, do *effects) (state, error) {
	ee := extensions.Get()
	defer extensions.Put(ee)
	err := ee.Parse(m.body)
	if err == nil {
		err = s.checkExtensions("encrypted_extensions", ee.Present, iana.ExtServerName, iana.ExtSupportedGroups, iana.ExtALPN, iana.ExtEarlyData,
			iana.ExtClientCertType, iana.ExtServerCertType, iana.ExtRecordSizeLimit, iana.ExtMaxFragmentLength, iana.ExtECH,
			iana.ExtTicketRequest, iana.ExtQUICTransportParameters, iana.ExtUseSRTP)
	}
	if err != nil {
		return nil, err
	}
	if err := s.cfg.quic.answered(ee, do); err != nil {
		return nil, err
	}
	if ee.ALPN != "" && !slices.Contains(s.hello.ALPN, ee.ALPN) {
		return nil, s.cfg.quic.badProtocol(illegal(
			"the server chose application protocol %q, which was not offered", ee.ALPN))
	}
	if err := cmp.Or(s.takeRetryConfigs(ee), s.takeSRTP(s.info, ee.SRTP)); err != nil {
		return nil, err
	}
	s.info.ALPN = ee.ALPN
	s.kinds, err = s.takeKinds(ee.ClientCertType, ee.ServerCertType, s.psk == nil)
	if err != nil {
		return nil, err
	}
	if err := s.takeLimits(ee, do); err != nil {
		return nil, err
	}
	s.transcript.add(m.raw)
	if s.hello.EarlyData {
		if err := s.earlyAnswer(ee, do); err != nil {
			return nil, err
		}
	}
	if s.psk == nil {
		next := &s.memory().orRequest
		*next = awaitCertificateOrRequest{flow13: s.flow13, offer: s.offer}
		return next, nil
	}
	return s.usePSK(), nil
}

// earlyAnswer handles the server's answer to the 0-RTT data. RFC 9846, Section 4.2.10.
func (s *awaitEncryptedExtensions) earlyAnswer(ee *wire.EncryptedExtensions, do *effects) error {
	if !ee.EarlyData {
		s.info.refuseEarly(do)
		return do.writeKeys(s.suite, s.client)
	}
	if s.psk == nil {
		return illegal("the server accepted early data without the pre-shared key")
	}
	k := s.psks.keys[0]
	if s.psk != k || s.suite.ID != k.suite || ee.ALPN != k.alpn {
		return illegal("the server accepted early data under other parameters than those it was sent with")
	}
	s.info.EarlyData = true
	do.report(EventEarlyAccepted)
	return nil
}

// resume copies what an earlier session holds about its peer, which the Verifier has
// accepted again.
func (f *flow13) resume(k *presharedKey) {
	if k.session == nil {
		return
	}
	f.info.Resumed, f.info.asked, f.info.authenticated = true, k.session.asked, k.session.Authenticated
	if peer := k.session.showed(); peer != nil {
		f.info.shows(peer)
	}
}

// awaitCertificateOrRequest waits for the server's certificate, before which it
// may ask for the client's.
type awaitCertificateOrRequest struct {
	*flow13
	*offer
}

func (s *awaitCertificateOrRequest) awaits() awaited {
	if len(s.flow13.cfg.Compressors) == 0 {
		return awaitedRequest
	}
	return append(s.certificates(), iana.HandshakeCertificateRequest)
}

func (s *awaitCertificateOrRequest) handle(m message, do *effects) (state, error) {
	next := &s.memory().certificate
	*next = awaitCertificate{flow13: s.flow13, offer: s.offer}
	if m.typ != iana.HandshakeCertificateRequest {
		return next.handle(m, do)
	}
	request, err := parseRequest(m)
	if err != nil {
		return nil, err
	}
	if len(request.Context) != 0 {
		// RFC 9846, Section 4.3.2: empty unless used after the handshake.
		return nil, illegal("a CertificateRequest in the handshake with a non-empty context")
	}
	s.transcript.add(m.raw)
	next.request = request
	return next, nil
}

// parseRequest reads a CertificateRequest and checks what it must have.
func parseRequest(m message) (*wire.CertificateRequest, error) {
	request, err := wire.ParseCertificateRequest(m.body)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(request.Present, iana.ExtSignatureAlgorithms) {
		return nil, missing(iana.ExtSignatureAlgorithms)
	}
	return request, nil
}

// awaitCertificate waits for the server's certificate.
type awaitCertificate struct {
	*flow13
	*offer
	request *wire.CertificateRequest // nil if the server did not ask
}

func (s *awaitCertificate) awaits() awaited { return s.certificates() }

func (s *awaitCertificate) handle(m message, _ *effects) (state, error) {
	peer, err := s.readCertificate(m, asked{
		kind: s.kinds.peer, staple: s.hello.StatusRequest, scts: s.hello.SCT, delegated: s.hello.DelegatedCredential,
	})
	if err != nil {
		return nil, err
	}
	if peer.empty() {
		// RFC 9846, Section 4.4.2.4: a server's empty one is a decode_error.
		return nil, broken(iana.AlertDecodeError, "the server sent no certificate")
	}
	peer.Server, peer.ServerName, peer.ECHRejected = true, s.hello.ServerName, s.rejected != nil
	s.info.shows(peer)
	s.transcript.add(m.raw)
	return s.verify(peer, func(key crypto.PublicKey, _ *effects) (state, error) {
		schemes := s.hello.SignatureAlgorithms
		if peer.Delegation != nil {
			var err error
			if key, err = delegatedKey(peer, key, schemes); err != nil {
				return nil, err
			}
			schemes = []iana.SignatureScheme{peer.Delegation.Scheme}
		}
		next := &s.memory().proof
		*next = awaitCertificateVerify{
			flow13: s.flow13, offer: s.offer, request: s.request, key: key, schemes: schemes,
		}
		return next, nil
	}), nil
}

// awaitCertificateVerify waits for the proof that the server holds its key.
type awaitCertificateVerify struct {
	*flow13
	*offer
	request *wire.CertificateRequest
	key     crypto.PublicKey
	schemes []iana.SignatureScheme // that the server may sign with
}

func (s *awaitCertificateVerify) awaits() awaited { return awaited{iana.HandshakeCertificateVerify} }

func (s *awaitCertificateVerify) handle(m message, _ *effects) (state, error) {
	err := s.checkCertificateVerify(m, s.key, serverContext, s.schemes)
	if err != nil {
		return nil, err
	}
	next := &s.memory().finished
	*next = awaitServerFinished{flow13: s.flow13, request: s.request}
	return next, nil
}

// awaitServerFinished waits for the end of the server's flight.
type awaitServerFinished struct {
	*flow13
	request *wire.CertificateRequest
}

func (s *awaitServerFinished) awaits() awaited { return awaited{iana.HandshakeFinished} }

func (s *awaitServerFinished) handle(m message, do *effects) (state, error) {
	if err := s.checkFinished(m, s.server); err != nil {
		return nil, err
	}
	app := s.enterApplication()
	if err := do.readKeys(s.suite, app.server, phaseApplication); err != nil {
		return nil, err
	}
	if s.info.EarlyData {
		if s.info.endsEarly() {
			raw := wire.AppendEmpty(nil, iana.HandshakeEndOfEarlyData)
			s.transcript.add(raw)
			do.send(raw)
		}
		if err := do.writeKeys(s.suite, s.client); err != nil {
			return nil, err
		}
	}
	if s.request == nil {
		return s.finish(app, do)
	}
	return s.answerRequest(s.request, do, s.finishWith(app))
}

// finishWith returns finish for application secrets.
func (s *awaitServerFinished) finishWith(app application) func(*effects) (state, error) {
	return func(do *effects) (state, error) { return s.finish(app, do) }
}

// answerRequest sends the client's certificate and its proof, or an empty one.
func (f *flow13) answerRequest(r *wire.CertificateRequest, do *effects, end func(*effects) (state, error)) (state, error) {
	if f.rejected != nil || len(f.info.PSKIdentity) > 0 {
		return f.declineRequest(r, do, end)
	}
	req := &CredentialRequest{
		Version: iana.TLS13, ServerName: f.info.ServerName, RawKeys: f.kinds.own == iana.CertTypeRawPublicKey,
		SignatureSchemes: r.SignatureAlgorithms, CertSchemes: r.SignatureAlgsCert, Authorities: r.CertAuthorities,
	}
	return f.cfg.credential(req, do, func(
		c *Credential, scheme *suites.Scheme, do *effects,
	) (state, error) {
		raw, err := f.writeCertificate(c, certMessage{
			context: r.Context, kind: f.kinds.own, staple: r.StatusRequest, scts: r.SCT, compress: r.CompressCertificate,
		})
		if err != nil {
			return nil, err
		}
		f.transcript.add(raw)
		if c == nil {
			do.send(raw)
			return end(do)
		}
		f.shown(c)
		// Nothing is sent before the signature is there, for which a caller
		// may have to wait: RFC 9846, Section 4.6.2, requires that the messages of
		// a late answer come with no others between them.
		return f.prove(c, scheme, clientContext, do, func(
			proof *wire.CertificateVerify, do *effects,
		) (state, error) {
			do.send(raw)
			if err := f.post(proof, do); err != nil {
				return nil, err
			}
			return end(do)
		})
	})
}

// finish sends the client's Finished and opens the connection.
func (s *awaitServerFinished) finish(app application, do *effects) (state, error) {
	if err := s.sendFinished(s.client, do); err != nil {
		return nil, err
	}
	if err := s.writeLater(app.client, do); err != nil {
		return nil, err
	}
	if s.rejected != nil {
		return &endRejected{s.rejected}, nil
	}
	do.ready()
	do.report(EventHandshakeDone)
	s.info.HandshakeDone = true
	s.info.prove(s.cfg)
	return &open13{
		cfg: s.cfg, info: s.info, suite: s.suite, traffic: app.server, client: true,
		resumption: app.master.Resumption(s.transcript.sum()), late: newLate(s.flow13, true),
	}, nil
}
