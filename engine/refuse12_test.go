package engine

import (
	"errors"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/internal/wire"
)

// TestServerRefuses12 changes one thing in a ClientHello.
func TestServerRefuses12(t *testing.T) {
	for _, c := range []struct {
		name  string
		edit  func(*helloEdit)
		alert iana.Alert
	}{
		{"no null compression", func(h *helloEdit) { h.CompressionMethods = []byte{1} }, iana.AlertIllegalParameter},
		{"'s renegotiation_info is not that of an initial handshake", func(h *helloEdit) { h.RenegotiationInfo = []byte{1} }, iana.AlertHandshakeFailure},
		{"compressed points alone", func(h *helloEdit) { h.ECPointFormats = []byte{1} }, iana.AlertIllegalParameter},
		{"no group in common", func(h *helloEdit) { h.SupportedGroups = []iana.NamedGroup{iana.X448} }, iana.AlertHandshakeFailure},
		{"hybrid groups alone", func(h *helloEdit) { h.SupportedGroups = []iana.NamedGroup{iana.X25519MLKEM768} }, iana.AlertHandshakeFailure},
		{"no suite in common", func(h *helloEdit) { h.CipherSuites = []iana.CipherSuite{0x1234} }, iana.AlertHandshakeFailure},
		{"RSA suites for an ECDSA key", func(h *helloEdit) {
			h.CipherSuites = []iana.CipherSuite{iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
		}, iana.AlertHandshakeFailure},
		{"no protocol in common", func(h *helloEdit) { h.ALPN = []string{"z"} }, iana.AlertNoApplicationProtocol},
		{"SHA-1 signatures alone", func(h *helloEdit) {
			h.SignatureAlgorithms = []iana.SignatureScheme{iana.ECDSAWithSHA1}
		}, iana.AlertHandshakeFailure},
		{"no signature algorithms", func(h *helloEdit) { h.SignatureAlgorithms = nil }, iana.AlertHandshakeFailure},
		{"a suite with a pre-shared key, but no keys", func(h *helloEdit) {
			h.CipherSuites = []iana.CipherSuite{iana.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256}
		}, iana.AlertHandshakeFailure},
		{"an unknown version", func(h *helloEdit) { h.LegacyVersion = 0x0200 }, iana.AlertProtocolVersion},
	} {
		client, server := pair12(t)
		cs, ss := newPair(t, client, server)
		first, err := cs.step()
		if err != nil {
			t.Fatal(err)
		}
		ss.in = editHello(first, c.edit)
		_, err = ss.step()
		var own *Error
		if !errors.As(err, &own) || own.Alert != c.alert || own.Reason == "" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestServerTakes12 changes things that are as good.
func TestServerTakes12(t *testing.T) {
	for name, edit := range map[string]func(*helloEdit){
		"the signal instead of the extension": func(h *helloEdit) {
			h.RenegotiationInfo, h.CipherSuites = nil, append(h.CipherSuites, iana.TLS_EMPTY_RENEGOTIATION_INFO_SCSV)
		},
		"no groups":                     func(h *helloEdit) { h.SupportedGroups = nil },
		"no point formats":              func(h *helloEdit) { h.ECPointFormats = nil },
		"compression too":               func(h *helloEdit) { h.CompressionMethods = []byte{1, 0} },
		"a version that is yet to come": func(h *helloEdit) { h.LegacyVersion = 0x0399 },
		"suites that nobody knows":      func(h *helloEdit) { h.CipherSuites = append([]iana.CipherSuite{0x1a1a, 0xfefe}, h.CipherSuites...) },
		"extensions that nobody knows":  func(h *helloEdit) { h.Unknown = []wire.Extension{{Type: 0x1a1a, Data: []byte("x")}} },
	} {
		client, server := pair12(t)
		cs, ss := newPair(t, client, server)
		first, err := cs.step()
		if err != nil {
			t.Fatal(err)
		}
		ss.in = editHello(first, edit)
		out, err := ss.step()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		sh := firstServerHello(t, out)
		if sh.RenegotiationInfo == nil || len(sh.RenegotiationInfo) > 0 {
			t.Errorf("%s: the server does not say that it knows RFC 5746", name)
		}
	}
}

func firstServerHello(t *testing.T, out []byte) *wire.ServerHello {
	t.Helper()
	first := split12(out)[0]
	sh, err := wire.ParseServerHello(first[record.HeaderLen+wire.HeaderLen:])
	if err != nil {
		t.Fatal(err)
	}
	return sh
}

// TestClientRefuses12 changes one thing in the server's first flight.
func TestClientRefuses12(t *testing.T) {
	type hello = wire.ServerHello
	for _, c := range []struct {
		name  string
		edit  func(*hello)
		alert iana.Alert
	}{
		{"another suite", func(h *hello) { h.CipherSuite = iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM }, iana.AlertIllegalParameter},
		{"a suite of TLS 1.3", func(h *hello) { h.CipherSuite = iana.TLS_AES_128_GCM_SHA256 }, iana.AlertIllegalParameter},
		{"compression", func(h *hello) { h.Compression = 1 }, iana.AlertIllegalParameter},
		{"'s renegotiation_info is not that of an initial handshake", func(h *hello) { h.RenegotiationInfo = []byte{1} }, iana.AlertHandshakeFailure},
		{"compressed points", func(h *hello) { h.ECPointFormats = []byte{1} }, iana.AlertIllegalParameter},
		{"another protocol", func(h *hello) { h.ALPN = "z" }, iana.AlertIllegalParameter},
		{"an extension that was not offered", func(h *hello) { h.RecordSizeLimit = 100 }, iana.AlertUnsupportedExtension},
		{"an extension of TLS 1.3", func(h *hello) { h.KeyShare = &wire.KeyShare{Group: iana.X25519, Data: make([]byte, 32)} }, iana.AlertIllegalParameter},
		{"an extension that nobody knows", func(h *hello) { h.Unknown = []wire.Extension{{Type: 0x1a1a}} }, iana.AlertUnsupportedExtension},
		{"the version in both places", func(h *hello) { h.SupportedVersion = iana.TLS12 }, iana.AlertIllegalParameter},
		{"TLS 1.1", func(h *hello) { h.LegacyVersion = iana.TLS11 }, iana.AlertProtocolVersion},
		{"a retry", func(h *hello) { h.Random = wire.HelloRetryRequestRandom }, iana.AlertIllegalParameter},
		{"the server resumed a session that was not offered", func(h *hello) { h.SessionID = nil }, 0},
	} {
		client, server := pair12(t)
		client.MaxVersion, server.MaxVersion = 0, iana.TLS12
		cs, ss := newPair(t, client, server)
		first, err := cs.step()
		if err != nil {
			t.Fatal(err)
		}
		own, err := wire.ParseClientHello(first[record.HeaderLen+wire.HeaderLen:])
		if err != nil {
			t.Fatal(err)
		}
		ss.in = first
		out, err := ss.step()
		if err != nil {
			t.Fatal(err)
		}
		sh := firstServerHello(t, out)
		c.edit(sh)
		if c.alert == 0 {
			sh.SessionID, c.alert = own.SessionID, iana.AlertIllegalParameter
		}
		cs.in = messageRecord(t, sh)
		_, err = cs.step()
		var e *Error
		if !errors.As(err, &e) || e.Alert != c.alert {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func messageRecord(t *testing.T, m interface {
	AppendTo([]byte) ([]byte, error)
}) []byte {
	t.Helper()
	raw, err := m.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(record.AppendHeader(nil, iana.ContentHandshake, iana.TLS12, len(raw)), raw...)
}

// TestClientRefusesKeyExchange12 changes one thing in a ServerKeyExchange.
func TestClientRefusesKeyExchange12(t *testing.T) {
	for _, c := range []struct {
		name  string
		edit  func(*wire.ServerKeyExchange12)
		alert iana.Alert
	}{
		{"another share", func(m *wire.ServerKeyExchange12) { m.Public[0] ^= 1 }, iana.AlertDecryptError},
		{"another signature", func(m *wire.ServerKeyExchange12) { m.Signature[len(m.Signature)-1] ^= 1 }, iana.AlertDecryptError},
		{"a group that was not offered", func(m *wire.ServerKeyExchange12) { m.Group = iana.X448 }, iana.AlertIllegalParameter},
		{"a hybrid group", func(m *wire.ServerKeyExchange12) { m.Group = iana.X25519MLKEM768 }, iana.AlertIllegalParameter},
		{"SHA-1", func(m *wire.ServerKeyExchange12) { m.Algorithm = iana.ECDSAWithSHA1 }, iana.AlertIllegalParameter},
		{"a scheme for another key", func(m *wire.ServerKeyExchange12) { m.Algorithm = iana.Ed25519 }, iana.AlertIllegalParameter},
		{"a scheme for another suite", func(m *wire.ServerKeyExchange12) { m.Algorithm = iana.RSAPKCS1WithSHA256 }, iana.AlertIllegalParameter},
	} {
		client, server := pair12(t)
		cs, ss := newPair(t, client, server)
		first, err := cs.step()
		if err != nil {
			t.Fatal(err)
		}
		ss.in = first
		out, err := ss.step()
		if err != nil {
			t.Fatal(err)
		}
		messages := split12(out)
		kx, err := wire.ParseServerKeyExchange12(messages[2][record.HeaderLen+wire.HeaderLen:], false, true)
		if err != nil {
			t.Fatal(err)
		}
		c.edit(kx)
		cs.in = append(append(messages[0], messages[1]...), messageRecord(t, kx)...)
		_, err = cs.step()
		wantAlert(t, err, c.alert)
	}
}

// TestWrongShares12 sends points that are none.
func TestWrongShares12(t *testing.T) {
	e := reach12(t, "awaitClientKeyExchange12", true, nil)
	e.in = append(e.in, messageRecord(t, &wire.ClientKeyExchange12{Public: make([]byte, 32)})...)
	_, err := e.step()
	wantAlert(t, err, iana.AlertIllegalParameter)
	e = reach12(t, "awaitClientKeyExchange12", true, nil)
	e.in = append(e.in, messageRecord(t, &wire.ClientKeyExchange12{Public: make([]byte, 31)})...)
	_, err = e.step()
	wantAlert(t, err, iana.AlertIllegalParameter)
}

// TestWrongCertificateVerify12 proves nothing.
func TestWrongCertificateVerify12(t *testing.T) {
	for alert, m := range map[iana.Alert]*wire.CertificateVerify{
		iana.AlertDecryptError:     {Algorithm: iana.ECDSAWithP256AndSHA256, Signature: []byte("x")},
		iana.AlertIllegalParameter: {Algorithm: iana.ECDSAWithSHA1, Signature: []byte("x")},
	} {
		e := reach12(t, "awaitClientCertificateVerify12", true, asked12)
		e.in = append(e.in, messageRecord(t, m)...)
		_, err := e.step()
		wantAlert(t, err, alert)
	}
}

// TestClientCertificateDeclined12 asks for a certificate that is not there, or
// that fits none of the types.
func TestClientCertificateDeclined12(t *testing.T) {
	client, server := pair12(t)
	server.ClientAuth = RequestClientCert
	if _, s := connect(t, client, server); len(s.r.State().PeerChain) > 0 {
		t.Error("a certificate from nowhere")
	}
	server.ClientAuth = RequireClientCert
	c, s := newPair(t, client, server)
	wantAlert(t, pump(c, s), iana.AlertHandshakeFailure)

	client.Credentials = []*Credential{newCredential(t, testcert.NewKey("rsa"))}
	e := reach12(t, "awaitCertificateRequest12", false, func(_ *testing.T, c, _ *config) { c.Credentials = client.Credentials })
	request := &wire.CertificateRequest12{
		CertificateTypes: []byte{certECDSASign}, SignatureAlgorithms: []iana.SignatureScheme{iana.RSAPSSRSAEWithSHA256, iana.ECDSAWithP256AndSHA256},
	}
	e.in = append(append(e.in, messageRecord(t, request)...), 22, 3, 3, 0, 4, 14, 0, 0, 0)
	out, err := e.step()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := wire.ParseCertificate12(split12(out)[0][record.HeaderLen+wire.HeaderLen:])
	if err != nil || len(cert.Certificates) != 0 {
		t.Errorf("an RSA certificate where ECDSA was asked for: %v, %v", cert, err)
	}
}

// changedStart is a client that changes its ClientHello before it writes it.
type changedStart struct {
	clientStart
	change func(*wire.ClientHello)
}

func (s *changedStart) start(do *effects) (state, error) {
	o, err := newOffer(s.cfg)
	if err != nil {
		return nil, err
	}
	s.change(o.hello)
	if err := o.write(nil); err != nil {
		return nil, err
	}
	do.send(o.raw)
	return &awaitServerHello{offer: o, info: s.info}, nil
}

// changedPair is newPair with such a client.
func changedPair(t *testing.T, client, server *config, change func(*wire.ClientHello)) (c, s *side) {
	t.Helper()
	c, s = newPair(t, client, server)
	c.r.state = &changedStart{clientStart{cfg: client.client(), info: &c.r.info}, change}
	return c, s
}

// plainPair is newPair with a client as there were before RFC 7627 and RFC 5746.
func plainPair(t *testing.T, client, server *config) (c, s *side) {
	t.Helper()
	return changedPair(t, client, server, func(h *wire.ClientHello) {
		h.ExtendedMasterSecret, h.RenegotiationInfo, h.ECPointFormats = false, nil, nil
	})
}

func TestWithoutExtendedMasterSecret(t *testing.T) {
	client, server := pair12(t)
	server.Tickets, server.SessionIDs = newMemory(), cache{}
	c, s := plainPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	send(t, c, s, "hello")
	send(t, s, c, "world")
	for _, e := range []*side{c, s} {
		state := e.r.State()
		if _, err := state.Export("EXPORTER-test", nil, 32); err == nil || state.ExtendedMasterSecret {
			t.Error("keys are exported")
		}
		if _, err := state.Unique(); err == nil {
			t.Error("tls-unique is given")
		}
	}
	if len(c.sessions) > 0 {
		t.Errorf("a session came: %v", c.sessions)
	}
	// RFC 7627, Section 5.3: a session that had it must not be resumed without.
	resuming, withTickets := resumable12(t, true)
	c, s = plainPair(t, resuming, withTickets)
	wantAlert(t, pump(c, s), iana.AlertHandshakeFailure)
	withTickets.RequireExtendedMasterSecret = true
	c, s = plainPair(t, client, withTickets)
	wantAlert(t, pump(c, s), iana.AlertHandshakeFailure)
}

// TestServerResumesWrongly12 tries a server that resumes with something else.
func TestServerResumesWrongly12(t *testing.T) {
	for name, c := range map[string]struct {
		edit  func(*wire.ServerHello)
		alert iana.Alert
	}{
		"another suite": {func(h *wire.ServerHello) { h.CipherSuite = iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 }, iana.AlertIllegalParameter},
		"without extended master secret": {func(h *wire.ServerHello) {
			h.ExtendedMasterSecret = false
		}, iana.AlertHandshakeFailure},
	} {
		client, server := resumable12(t, true)
		cs, ss := newPair(t, client, server)
		first, err := cs.step()
		if err != nil {
			t.Fatal(err)
		}
		ss.in = first
		out, err := ss.step()
		if err != nil {
			t.Fatal(err)
		}
		sh := firstServerHello(t, out)
		c.edit(sh)
		cs.in = messageRecord(t, sh)
		_, err = cs.step()
		var own *Error
		if !errors.As(err, &own) || own.Alert != c.alert {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExportLabels12(t *testing.T) {
	client, server := pair12(t)
	c, _ := connect(t, client, server)
	state := c.r.State()
	for label := range reserved12 {
		if _, err := state.Export(label, nil, 32); err == nil {
			t.Errorf("label %q is exported", label)
		}
	}
	for _, n := range []int{0, -1, maxExport + 1} {
		if _, err := state.Export("EXPORTER-x", nil, n); err == nil {
			t.Errorf("%d bytes are exported", n)
		}
	}
	if _, err := state.Export("EXPORTER-x", make([]byte, 1<<16), 32); err == nil {
		t.Error("a context of 65536 bytes is taken")
	}
	if _, err := state.Export("", nil, maxExport); err != nil {
		t.Error(err)
	}
}

// TestLater12: answers that come later lead to the same.
func TestLater12(t *testing.T) {
	client, server := pair12(t)
	server.ClientAuth, server.Tickets = RequireClientCert, newMemory()
	cred := server.Credentials[0]
	later := func(*SignRequest) ([]byte, error) { return nil, ErrPending }
	slow := &Credential{Chain: cred.Chain, Signer: cred.Signer, Sign: later}
	client.Credentials, server.Credentials = []*Credential{slow}, []*Credential{slow}
	c, s := newPair(t, client, server)
	for range 20 {
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		for _, e := range []*side{c, s} {
			w, ok := e.r.state.(waiter)
			if !ok {
				continue
			}
			q, ok := w.question().(*SignRequest)
			if !ok {
				t.Fatalf("a question of type %T", w.question())
			}
			sig, err := suites.SchemeByID(q.Scheme).Sign(client.random(), cred.Signer, q.Message)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.r.Resume(q.Signed(sig)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !c.done || !s.done || len(s.r.State().PeerChain) != 1 {
		t.Error("the handshake is not complete")
	}
	send(t, c, s, "hello")
}
