package engine

import (
	"bytes"
	"crypto"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// retryHello asks the client for another share. RFC 9846, Section 4.1.4.
func retryHello(f *flow13, hello *wire.ClientHello, c *choice13, do *effects) (state, error) {
	hrr := &wire.ServerHello{
		LegacyVersion: iana.TLS12, Random: wire.HelloRetryRequestRandom, SessionID: hello.SessionID,
		CipherSuite: c.suite.ID, SupportedVersion: iana.TLS13, KeyShare: &wire.KeyShare{Group: c.group.ID},
	}
	if f.cfg.HelloRetryCookie != nil {
		hrr.Cookie = f.cfg.HelloRetryCookie()
	}
	raw, err := hrr.AppendTo(nil)
	if err != nil {
		return nil, local("HelloRetryRequest cannot be written", err)
	}
	f.transcript.retry()
	f.transcript.add(raw)
	f.info.Retried = true
	do.send(raw)
	if len(hello.SessionID) > 0 {
		do.changeCipherSpec()
	}
	return &awaitSecondClientHello{flow13: f, first: hello, choice: c, cookie: hrr.Cookie}, nil
}

// awaitSecondClientHello waits for the client's answer to a HelloRetryRequest.
type awaitSecondClientHello struct {
	*flow13
	first  *wire.ClientHello
	choice *choice13
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
	if err := s.checkSecond(hello); err != nil {
		return nil, err
	}
	s.choice.share = &hello.KeyShares[0]
	s.transcript.add(m.raw)
	return composeFlight(s.flow13, hello, s.choice, do)
}

// checkSecond checks that the client changed only what it was asked to change.
// RFC 9846, Section 4.1.2.
func (s *awaitSecondClientHello) checkSecond(h *wire.ClientHello) error {
	if err := checkHello13(h); err != nil {
		return err
	}
	switch {
	case len(h.KeyShares) != 1 || h.KeyShares[0].Group != s.choice.group.ID:
		return illegal("the second ClientHello does not have the one key share asked for")
	case !bytes.Equal(h.Cookie, s.cookie):
		return illegal("the second ClientHello does not return the cookie")
	case h.EarlyData:
		return illegal("the second ClientHello offers early data")
	case h.Random != s.first.Random,
		!bytes.Equal(h.SessionID, s.first.SessionID),
		!slices.Equal(h.CipherSuites, s.first.CipherSuites),
		!slices.Equal(h.SupportedGroups, s.first.SupportedGroups),
		!slices.Equal(h.SupportedVersions, s.first.SupportedVersions),
		!slices.Equal(h.SignatureAlgorithms, s.first.SignatureAlgorithms),
		!slices.Equal(h.ALPN, s.first.ALPN),
		h.ServerName != s.first.ServerName:
		return illegal("the second ClientHello changes more than it may")
	}
	return nil
}

// composeFlight answers with the server's whole flight.
func composeFlight(f *flow13, hello *wire.ClientHello, c *choice13, do *effects) (state, error) {
	ours, shared, err := c.group.Encapsulate(f.cfg.random(), c.share.Data)
	if err != nil {
		return nil, &Error{Fault: FaultPeer, Alert: iana.AlertIllegalParameter, Reason: "the client's key share is wrong", Err: err}
	}
	f.info.Group = c.group.ID
	sh := &wire.ServerHello{
		LegacyVersion: iana.TLS12, SessionID: hello.SessionID, CipherSuite: c.suite.ID,
		SupportedVersion: iana.TLS13, KeyShare: &wire.KeyShare{Group: c.group.ID, Data: ours},
	}
	if _, err := io.ReadFull(f.cfg.random(), sh.Random[:]); err != nil {
		return nil, local("the random source failed", err)
	}
	raw, err := sh.AppendTo(nil)
	if err != nil {
		return nil, local("ServerHello cannot be written", err)
	}
	f.transcript.add(raw)
	do.send(raw)
	if len(hello.SessionID) > 0 && !f.info.Retried {
		do.changeCipherSpec()
	}
	f.enterHandshake(nil, shared)
	if err := do.writeKeys(f.suite, f.server); err != nil {
		return nil, err
	}
	if err := do.readKeys(f.suite, f.client, phaseHandshake); err != nil {
		return nil, err
	}
	if err := f.sendExtensions(hello, do); err != nil {
		return nil, err
	}
	return f.chooseCertificate(hello), nil
}

// sendExtensions sends EncryptedExtensions and, if the configuration asks for
// one, the request for a client certificate. RFC 9846, Section 4.3.
func (f *flow13) sendExtensions(hello *wire.ClientHello, do *effects) error {
	ee := &wire.EncryptedExtensions{ServerNameAck: hello.ServerName != "", ALPN: f.info.ALPN}
	raw, err := ee.AppendTo(nil)
	if err != nil {
		return local("EncryptedExtensions cannot be written", err)
	}
	f.transcript.add(raw)
	do.send(raw)
	if f.cfg.ClientAuth == NoClientCert {
		return nil
	}
	request := &wire.CertificateRequest{
		SignatureAlgorithms: f.cfg.schemes(), CertAuthorities: f.cfg.ClientAuthorities,
		StatusRequest: true, SCT: true,
	}
	if raw, err = request.AppendTo(nil); err != nil {
		return local("CertificateRequest cannot be written", err)
	}
	f.transcript.add(raw)
	do.send(raw)
	return nil
}

// chooseCertificate goes on with the server's Certificate, CertificateVerify
// and Finished.
func (f *flow13) chooseCertificate(hello *wire.ClientHello) state {
	req := &CredentialRequest{
		Server: true, Version: iana.TLS13, ServerName: hello.ServerName,
		SignatureSchemes: hello.SignatureAlgorithms, CertSchemes: hello.SignatureAlgsCert, Authorities: hello.CertAuthorities,
	}
	return f.cfg.credential(req, func(c *Credential, scheme *suites.Scheme, do *effects) (state, error) {
		if c == nil {
			return nil, &Error{
				Fault: FaultIncompatible, Alert: iana.AlertHandshakeFailure,
				Reason: "no certificate of this server fits the client", Got: list(hello.SignatureAlgorithms),
			}
		}
		f.info.OwnChain = c.Chain
		raw, err := certificateMessage(nil, c, hello.StatusRequest, hello.SCT)
		if err != nil {
			return nil, err
		}
		f.transcript.add(raw)
		do.send(raw)
		return f.sign(c, scheme, serverContext, func(raw []byte, do *effects) (state, error) {
			do.send(raw)
			return f.endFlight(do)
		}), nil
	})
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
	if f.cfg.ClientAuth != NoClientCert {
		return &awaitClientCertificate{f, app}, nil
	}
	return &awaitClientFinished{f, app}, nil
}

// awaitClientCertificate waits for the client's certificate, perhaps an empty one.
type awaitClientCertificate struct {
	*flow13
	app *application
}

func (s *awaitClientCertificate) awaits() string { return "certificate" }

func (s *awaitClientCertificate) handle(m message, _ *effects) (state, error) {
	if m.typ != iana.HandshakeCertificate {
		return nil, unexpected(s.awaits(), m)
	}
	peer, err := peerCertificate(m, nil, true, true)
	if err != nil {
		return nil, err
	}
	s.transcript.add(m.raw)
	if len(peer.Chain) == 0 {
		if s.cfg.ClientAuth == RequireClientCert {
			return nil, &Error{Fault: FaultCertificate, Alert: iana.AlertCertificateRequired, Reason: "the client showed no certificate, and one is required"}
		}
		return &awaitClientFinished{s.flow13, s.app}, nil
	}
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
	return &open13{cfg: s.cfg, suite: s.suite, traffic: s.app.client}, nil
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
	var b strings.Builder
	for i, item := range items[:min(len(items), 12)] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", item)
	}
	return b.String()
}
