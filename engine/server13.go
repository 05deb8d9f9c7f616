package engine

import (
	"bytes"
	"crypto"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// retryHello asks the client for another share. RFC 9846, Section 4.1.4.
func retryHello(f *flow13, hello *wire.ClientHello, m message, c *choice13,
	do *effects) (state, error) {
	hrr := &wire.ServerHello{
		LegacyVersion: iana.TLS12, Random: wire.HelloRetryRequestRandom, SessionID: hello.SessionID,
		CipherSuite: c.suite.ID, SupportedVersion: iana.TLS13, KeyShare: &wire.KeyShare{Group: c.group.ID},
	}
	if f.cfg.HelloRetryCookie != nil {
		hrr.Cookie = f.cfg.HelloRetryCookie()
	}
	if err := f.promiseRetry(hrr); err != nil {
		return nil, err
	}
	raw, err := hrr.AppendTo(nil)
	if err != nil {
		return nil, local("HelloRetryRequest cannot be written", err)
	}
	f.transcript.retry()
	f.confirmRetry(raw)
	f.transcript.add(raw)
	f.info.Retried = true
	do.turn = true
	do.send(raw)
	if len(hello.SessionID) > 0 {
		do.changeCipherSpec()
	}
	if hello.EarlyData {
		do.skip = f.cfg.skipLimit()
	}
	return &awaitSecondClientHello{
		flow13: f, first: hello, body: m.body, choice: c, cookie: hrr.Cookie,
	}, nil
}

// awaitSecondClientHello waits for the client's answer to a HelloRetryRequest.
type awaitSecondClientHello struct {
	*flow13
	first  *wire.ClientHello
	body   []byte    // of first
	choice *choice13 // made of first
	cookie []byte
}

func (s *awaitSecondClientHello) awaits() string { return "client_hello" }

func (s *awaitSecondClientHello) handle(m message, do *effects) (state, error) {
	if m.typ != iana.HandshakeClientHello {
		return nil, unexpected(s.awaits(), m)
	}
	hello, err := wire.ParseClientHello(m.body)
	if err != nil {
		return nil, err
	}
	if hello, m, err = s.openSecond(hello, m); err != nil {
		return nil, err
	}
	choice, err := s.decideAgain(hello, m)
	if err != nil {
		return nil, err
	}
	return findPSK(s.flow13, hello, m, choice, do)
}

// decideAgain makes the choice anew of the second ClientHello, so that nothing rests on
// what the first one offered. The client or the application already knows the suite, the
// group and the protocol, so they must not change. RFC 9846, Section 4.1.4.
func (s *awaitSecondClientHello) decideAgain(h *wire.ClientHello, m message) (*choice13, error) {
	if err := s.checkSecond(h, m); err != nil {
		return nil, err
	}
	version, err := chooseVersion(s.cfg, h)
	if err != nil {
		return nil, err
	}
	choice, err := choose13(s.cfg, h)
	if err != nil {
		return nil, err
	}
	if version != iana.TLS13 || choice.suite != s.choice.suite || choice.group != s.choice.group ||
		choice.share == nil || choice.alpn != s.choice.alpn {
		return nil, illegal("the second ClientHello leads to another choice than the first")
	}
	s.take(h)
	return choice, nil
}

// checkSecond checks that the client changed only what it may: the key shares, the
// cookie, early data, padding, and pre-shared keys. RFC 9846, Section 4.1.2.
func (s *awaitSecondClientHello) checkSecond(h *wire.ClientHello, m message) error {
	if err := checkHello13(h); err != nil {
		return err
	}
	var except []iana.ExtensionType
	if !s.info.ECHAccepted {
		// RFC 9849, Section 7.1.1: a server that does not decrypt the extension
		// proceeds "as usual"; a client may have encrypted anew.
		except = append(except, iana.ExtECH)
	}
	switch changed := wire.RetryDifference(s.body, m.body, except...); {
	case changed != "":
		return illegal("the second ClientHello changes %s, which must be as it was in the first", changed)
	case len(h.KeyShares) != 1 || h.KeyShares[0].Group != s.choice.group.ID:
		return illegal("the second ClientHello does not have the one key share asked for")
	case !bytes.Equal(h.Cookie, s.cookie):
		return illegal("the second ClientHello does not return the cookie")
	case h.EarlyData:
		return illegal("the second ClientHello offers early data")
	case h.PSK == nil && s.first.PSK != nil && s.cfg.onlyPSKs():
		// The client has taken away what this handshake needs. RFC 9846, Section 6.2.
		return missing(iana.ExtPreSharedKey)
	case !keepsPSKs(s.first.PSK, h.PSK):
		return illegal("the second ClientHello offers other pre-shared keys than the first")
	}
	return nil
}

// keepsPSKs reports whether the second list of pre-shared keys is the first without some
// of them. RFC 9846, Section 4.1.2.
func keepsPSKs(first, second *wire.OfferedPSKs) bool {
	if second == nil {
		return true
	}
	if first == nil {
		return false
	}
	left := first.Identities
	for _, id := range second.Identities {
		i := slices.IndexFunc(left, func(old wire.PSKIdentity) bool {
			return bytes.Equal(old.Identity, id.Identity)
		})
		if i < 0 {
			return false
		}
		left = left[i+1:]
	}
	return true
}

// A serverProof is what a server proves itself with: a credential, and what signs for it.
type serverProof struct {
	cred      *Credential
	scheme    *suites.Scheme
	delegated bool // the credential's delegated key signs, with scheme
}

// composeFlight answers with the server's whole flight. proof is nil with a pre-shared key.
func composeFlight(f *flow13, hello *wire.ClientHello, c *choice13, proof *serverProof,
	do *effects) (state, error) {
	shared, helloSum, err := f.sendHello(hello, c, do)
	if err != nil {
		return nil, err
	}
	f.enterHandshake(c.early, shared)
	if err := do.writeKeys(f.suite, f.server); err != nil {
		return nil, err
	}
	if err := f.readClient(hello, c, helloSum, do); err != nil {
		return nil, err
	}
	f.info.EarlyData = c.accept
	if err := f.sendExtensions(hello, c, do); err != nil {
		return nil, err
	}
	if proof != nil {
		return f.prove(hello, proof, do)
	}
	f.keyed = true
	f.resume(c.psk)
	return f.endFlight(do)
}

// sendHello sends the ServerHello. It returns the shared secret of the key exchange, nil
// without one, and the hash of the transcript before the ServerHello.
func (f *flow13) sendHello(hello *wire.ClientHello, c *choice13,
	do *effects) (shared, helloSum []byte, err error) {
	sh := &wire.ServerHello{
		LegacyVersion: iana.TLS12, SessionID: hello.SessionID, CipherSuite: c.suite.ID, SupportedVersion: iana.TLS13,
	}
	if c.group != nil {
		ours, secret, err := c.group.Encapsulate(f.cfg.random(), c.share.Data)
		if err != nil {
			return nil, nil, &Error{
				Fault: FaultPeer, Alert: iana.AlertIllegalParameter,
				Reason: "the client's key share is wrong", Err: err,
			}
		}
		f.info.Group, shared = c.group.ID, secret
		sh.KeyShare = &wire.KeyShare{Group: c.group.ID, Data: ours}
	}
	if c.psk != nil {
		sh.SelectedPSK = &c.index
	}
	if _, err := io.ReadFull(f.cfg.random(), sh.Random[:]); err != nil {
		return nil, nil, local("the random source failed", err)
	}
	raw, err := sh.AppendTo(nil)
	if err != nil {
		return nil, nil, local("ServerHello cannot be written", err)
	}
	f.confirmHello(raw)
	helloSum = f.transcript.sum()
	f.transcript.add(raw)
	do.send(raw)
	if len(hello.SessionID) > 0 && !f.info.Retried {
		do.changeCipherSpec()
	}
	return shared, helloSum, nil
}

// readClient sets the key for what the client sends next: 0-RTT data if that is
// accepted, else handshake messages, with 0-RTT data passed over.
func (f *flow13) readClient(hello *wire.ClientHello, c *choice13, helloSum []byte, do *effects) error {
	if !c.accept {
		if hello.EarlyData {
			do.skip = f.cfg.skipLimit()
		}
		return do.readKeys(f.suite, f.client, phaseHandshake)
	}
	secret := c.early.ClientEarlyTraffic(helloSum)
	f.log("CLIENT_EARLY_TRAFFIC_SECRET", secret)
	f.info.earlyExporter = c.early.Exporter(helloSum)
	if err := do.readKeys(f.suite, secret, phaseEarly); err != nil {
		return err
	}
	do.keys[len(do.keys)-1].limit = int(min(c.psk.maxEarly, math.MaxInt32))
	return nil
}

// skipLimit is how many bytes of refused 0-RTT records are passed over.
func (c *Config) skipLimit() int {
	return max(minSkip, int(min(c.MaxEarlyData, math.MaxInt32/9*8)/8*9))
}

// minSkip lets clients send a first flight of some records even to servers that
// never take 0-RTT data, with a ticket from another server.
const minSkip = 32 << 10

// asksLater reports whether the client of a session may be asked for a certificate of
// another kind than X.509 later: the kind must be sent to it in each handshake.
func (f *flow13) asksLater(hello *wire.ClientHello, c *choice13) bool {
	return c.psk != nil && f.info.lateOffered && f.cfg.ClientAuth != NoClientCert &&
		slices.Contains(hello.ClientCertTypes, f.kinds.peer)
}

// sendExtensions sends EncryptedExtensions and, if the configuration asks for
// one, the request for a client certificate. RFC 9846, Section 4.3.
func (f *flow13) sendExtensions(hello *wire.ClientHello, c *choice13, do *effects) error {
	asks := f.cfg.ClientAuth != NoClientCert && c.psk == nil
	f.info.asked = asks
	ee := &wire.EncryptedExtensions{ServerNameAck: hello.ServerName != "" && c.psk == nil, ALPN: f.info.ALPN, EarlyData: c.accept}
	if c.agreed {
		ee.ClientCertType, ee.ServerCertType = answerKinds(hello, f.kinds, asks || f.asksLater(hello, c))
	}
	f.answerLimits(ee, hello, do)
	var err error
	if ee.ECHRetryConfigs, err = f.retryConfigs(); err != nil {
		return err
	}
	raw, err := ee.AppendTo(nil)
	if err != nil {
		return local("EncryptedExtensions cannot be written", err)
	}
	f.transcript.add(raw)
	do.send(raw)
	if !asks {
		return nil
	}
	request := &wire.CertificateRequest{
		SignatureAlgorithms: f.cfg.schemes(), CertAuthorities: f.cfg.ClientAuthorities,
		StatusRequest: true, SCT: true, CompressCertificate: f.cfg.offeredCompression(),
	}
	if raw, err = request.AppendTo(nil); err != nil {
		return local("CertificateRequest cannot be written", err)
	}
	f.transcript.add(raw)
	do.send(raw)
	return nil
}

// chooseProof waits for the choice of the server's certificate and composes the flight
// with it. The choice comes before the ServerHello and its key exchange, so that a client
// that has no scheme in common with this server costs no key exchange.
func (f *flow13) chooseProof(hello *wire.ClientHello, c *choice13) state {
	req := &CredentialRequest{
		Server: true, Version: iana.TLS13, ServerName: hello.ServerName, RawKeys: f.kinds.own == iana.CertTypeRawPublicKey,
		SignatureSchemes: hello.SignatureAlgorithms, CertSchemes: hello.SignatureAlgsCert, Authorities: hello.CertAuthorities,
		DelegatedSchemes: hello.DelegatedCredential, Hello: f.cfg.helloFor(hello, f.info.ECHAccepted),
	}
	then := func(cred *Credential, scheme *suites.Scheme, do *effects) (state, error) {
		if cred == nil {
			return nil, &Error{
				Fault: FaultIncompatible, Alert: iana.AlertHandshakeFailure,
				Reason: "no certificate of this server fits the client", Got: list(hello.SignatureAlgorithms),
			}
		}
		proof := &serverProof{cred: cred, scheme: scheme}
		if delegated := req.delegated(cred); delegated != nil {
			proof.scheme, proof.delegated = delegated, true
		}
		return composeFlight(f, hello, c, proof, do)
	}
	return f.cfg.credential(req, then)
}

// prove sends the server's Certificate, CertificateVerify and Finished.
func (f *flow13) prove(hello *wire.ClientHello, p *serverProof, do *effects) (state, error) {
	f.shown(p.cred)
	raw, err := f.writeCertificate(p.cred, certMessage{
		kind: f.kinds.own, staple: hello.StatusRequest, scts: hello.SCT,
		delegated: p.delegated, compress: hello.CompressCertificate,
	})
	if err != nil {
		return nil, err
	}
	f.transcript.add(raw)
	do.send(raw)
	cred := p.cred
	if p.delegated {
		cred = &Credential{Signer: cred.Delegated.Signer}
	}
	return f.sign(cred, p.scheme, serverContext, func(raw []byte, do *effects) (state, error) {
		do.send(raw)
		return f.endFlight(do)
	}), nil
}

// endFlight sends the server's Finished, after which it may send data.
func (f *flow13) endFlight(do *effects) (state, error) {
	raw, err := f.finished(f.server)
	if err != nil {
		return nil, err
	}
	do.send(raw)
	app := f.enterApplication()
	if err := do.writeKeys(f.suite, app.server); err != nil {
		return nil, err
	}
	do.ready()
	switch {
	case f.info.EarlyData:
		return &awaitEndOfEarlyData{f, app}, nil
	case f.cfg.ClientAuth != NoClientCert && !f.keyed:
		return &awaitClientCertificate{f, app}, nil
	}
	return &awaitClientFinished{f, app}, nil
}

// awaitEndOfEarlyData waits for the end of the 0-RTT data, which the driver
// returns meanwhile. RFC 9846, Section 4.5.
type awaitEndOfEarlyData struct {
	*flow13
	app *application
}

func (s *awaitEndOfEarlyData) awaits() string { return "end_of_early_data" }

func (s *awaitEndOfEarlyData) handle(m message, do *effects) (state, error) {
	if m.typ != iana.HandshakeEndOfEarlyData {
		return nil, unexpected(s.awaits(), m)
	}
	if err := wire.ParseEmpty(m.typ, m.body); err != nil {
		return nil, err
	}
	s.transcript.add(m.raw)
	do.report(EventEarlyDone)
	return &awaitClientFinished{s.flow13, s.app}, do.readKeys(s.suite, s.client, phaseHandshake)
}

// awaitClientCertificate waits for the client's certificate, perhaps an empty one.
type awaitClientCertificate struct {
	*flow13
	app *application
}

func (s *awaitClientCertificate) awaits() string { return "certificate" }

func (s *awaitClientCertificate) handle(m message, _ *effects) (state, error) {
	if !s.isCertificate(m) {
		return nil, unexpected(s.awaits(), m)
	}
	peer, err := s.readCertificate(m, asked{kind: s.kinds.peer, staple: true, scts: true})
	if err != nil {
		return nil, err
	}
	s.transcript.add(m.raw)
	if peer.empty() {
		if s.cfg.ClientAuth == RequireClientCert {
			return nil, &Error{Fault: FaultCertificate, Alert: iana.AlertCertificateRequired, Reason: "the client showed no certificate, and one is required"}
		}
		return &awaitClientFinished{s.flow13, s.app}, nil
	}
	s.info.shows(peer)
	return s.verify(peer, func(key crypto.PublicKey, _ *effects) (state, error) {
		return &awaitClientCertificateVerify{s.flow13, s.app, key}, nil
	}), nil
}

// awaitClientCertificateVerify waits for the proof that the client holds its key.
type awaitClientCertificateVerify struct {
	*flow13
	app *application
	key crypto.PublicKey
}

func (s *awaitClientCertificateVerify) awaits() string { return "certificate_verify" }

func (s *awaitClientCertificateVerify) handle(m message, _ *effects) (state, error) {
	if m.typ != iana.HandshakeCertificateVerify {
		return nil, unexpected(s.awaits(), m)
	}
	if err := s.checkCertificateVerify(m, s.key, clientContext, s.cfg.schemes()); err != nil {
		return nil, err
	}
	return &awaitClientFinished{s.flow13, s.app}, nil
}

// awaitClientFinished waits for the end of the handshake.
type awaitClientFinished struct {
	*flow13
	app *application
}

func (s *awaitClientFinished) awaits() string { return "finished" }

func (s *awaitClientFinished) handle(m message, do *effects) (state, error) {
	if m.typ != iana.HandshakeFinished {
		return nil, unexpected(s.awaits(), m)
	}
	if err := s.checkFinished(m, s.client); err != nil {
		return nil, err
	}
	if err := do.readKeys(s.suite, s.app.client, phaseApplication); err != nil {
		return nil, err
	}
	do.report(EventHandshakeDone)
	s.info.HandshakeDone = true
	// A late certificate is of the kind that was agreed on in the handshake.
	if s.info.lateOffered && !(s.cfg.OnlyRawKeys && s.kinds.peer == iana.CertTypeX509) {
		do.out = append(do.out, step{kind: stepLate})
	}
	do.tickets(newTicketer(s.flow13, s.app.master.Resumption(s.transcript.sum())))
	return &open13{cfg: s.cfg, info: s.info, suite: s.suite, traffic: s.app.client, late: newLate(s.flow13, false)}, nil
}

// list writes names for an error message.
func list[T fmt.Stringer](items []T) string {
	const most = 12
	var b strings.Builder
	for i, item := range items {
		switch {
		case i == most:
			fmt.Fprintf(&b, " and %d more", len(items)-most)
			return b.String()
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(item.String())
	}
	if b.Len() == 0 {
		return "none"
	}
	return b.String()
}

// quoted writes strings from the peer for an error message.
func quoted(items []string) string {
	const longest = 255 // bytes: of an application protocol; a hint may have 65535
	var b strings.Builder
	for i, item := range items[:min(len(items), 12)] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", item[:min(len(item), longest)])
		if len(item) > longest {
			fmt.Fprintf(&b, " and %d bytes more", len(item)-longest)
		}
	}
	return b.String()
}
