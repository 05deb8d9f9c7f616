package engine

import (
	"bytes"
	"crypto"
	"errors"
	"slices"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// The tests in this file are about MUSTs that no other test is about. See test/mutants.

// TestRequestIsNotRepeated13: a request for new keys that is not answered yet is not
// repeated, and may be made again after the answer. RFC 9846, Section 4.6.3.
func TestRequestIsNotRepeated13(t *testing.T) {
	requests := 0
	client, server := pair13(t)
	client.Trace = func(tr Trace) {
		if tr.Sent && tr.Type == iana.ContentHandshake && tr.Data[0] == byte(iana.HandshakeKeyUpdate) {
			requests += int(tr.Data[wire.HeaderLen])
		}
	}
	c, s := connect(t, client, server)
	rekey := func() {
		t.Helper()
		out, err := c.s.Rekey(nil, true)
		if err != nil {
			t.Fatal(err)
		}
		s.in = append(s.in, out...)
	}
	rekey()
	rekey()
	if requests != 1 {
		t.Fatalf("%d requests before the answer", requests)
	}
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	rekey()
	if requests != 2 {
		t.Errorf("%d requests after the answer", requests)
	}
	send(t, c, s, "there")
	send(t, s, c, "and back")
	// A change of keys that was not requested counts too, and needs no answer.
	out, err := s.s.Rekey(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	c.in = append(c.in, out...)
	rekey()
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	send(t, c, s, "there")
	send(t, s, c, "and back")
}

// TestChosenVersion: with supported_versions that list alone counts, and without it
// legacy_version, which leads to TLS 1.2 at most. RFC 9846, Section 4.2.1 and Appendix D.2.
func TestChosenVersion(t *testing.T) {
	list := []iana.ExtensionType{iana.ExtSupportedVersions}
	for _, tc := range []struct {
		legacy iana.Version
		listed []iana.Version
		want   iana.Version // 0 for none
	}{
		{iana.TLS12, nil, iana.TLS12},
		{iana.TLS13, nil, iana.TLS12},
		{0x0305, nil, iana.TLS12},
		{iana.TLS11, nil, 0},
		{iana.TLS12, []iana.Version{iana.TLS13}, iana.TLS13},
		{iana.TLS12, []iana.Version{iana.TLS12}, iana.TLS12},
		{iana.TLS12, []iana.Version{0x7a7a, iana.TLS12, iana.TLS13}, iana.TLS13},
		{iana.TLS12, []iana.Version{iana.TLS11}, 0},
	} {
		hello := &wire.ClientHello{LegacyVersion: tc.legacy, SupportedVersions: tc.listed}
		if tc.listed != nil {
			hello.Present = list
		}
		got, err := chooseVersion(&Config{}, hello)
		var why *Error
		if got != tc.want || tc.want == 0 &&
			(!errors.As(err, &why) || why.Alert != iana.AlertProtocolVersion) {
			t.Errorf("%v and %v: %v, %v", tc.legacy, tc.listed, got, err)
		}
	}
}

// TestForgedEarlyData13: early data that was accepted and does not open ends the
// connection, other than refused early data. RFC 9846, Section 4.2.10.
func TestForgedEarlyData13(t *testing.T) {
	client, server := resumable(t)
	client.EarlyData = true
	c, s := newPair(t, client, server)
	first, err := c.step()
	if err != nil {
		t.Fatal(err)
	}
	if first, err = c.s.Seal(first, []byte("early bird")); err != nil {
		t.Fatal(err)
	}
	first[len(first)-1] ^= 1
	s.in = first
	_, err = s.step()
	var why *Error
	if !errors.As(err, &why) || why.Alert != iana.AlertBadRecordMAC {
		t.Errorf("got %v, want bad_record_mac", err)
	}
}

// TestRequestContexts13: the context of each request for a certificate is unique in its
// connection. RFC 9846, Section 4.3.2.
func TestRequestContexts13(t *testing.T) {
	client, server := pair13(t)
	client.Credentials = []*Credential{newCredential(t, nil)}
	client.PostHandshakeAuth, server.Verifier = true, acceptAll{}
	_, s := connect(t, client, server)
	seen := map[string]bool{}
	for range MaxLateRequests {
		_, request, err := s.s.RequestCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		seen[string(request.Context)] = true
	}
	if len(seen) != MaxLateRequests {
		t.Errorf("%d contexts of %d requests", len(seen), MaxLateRequests)
	}
}

// TestRecordVersions: the version of a ClientHello's record is ignored, but for versions
// below 0x0300. RFC 9846, Sections 5.1 and D.2, and Appendix D.5.
func TestRecordVersions(t *testing.T) {
	for version, alert := range map[iana.Version]iana.Alert{
		iana.SSL30: 0, iana.TLS10: 0, iana.TLS12: 0, 0x0400: 0, 0xffff: 0,
		0x02ff: iana.AlertProtocolVersion, 0: iana.AlertProtocolVersion,
	} {
		s := newServer(t, new(config))
		s.in = handMade(t, &config{Config: Config{Verifier: acceptAll{}}}, func(*wire.ClientHello) {})
		s.in[1], s.in[2] = byte(version>>8), byte(version)
		_, err := s.step()
		if alert != 0 {
			refuses(t, err, alert)
		} else if err != nil {
			t.Errorf("%v: %v", version, err)
		}
	}
}

// TestNothingStandsTwice: groups, key shares and algorithms of compression stand once in
// what is sent. RFC 9846, Sections 4.2.7 and 4.2.8; RFC 8879, Section 3.
func TestNothingStandsTwice(t *testing.T) {
	twice := []iana.NamedGroup{iana.X25519, iana.SecP256r1, iana.X25519}
	for name, change := range map[string]func(*Config){
		"groups":     func(c *Config) { c.Groups = twice },
		"key shares": func(c *Config) { c.KeyShares = twice },
		"compression": func(c *Config) {
			c.Compressors = []Compressor{zlibCompressor(), zlibCompressor()}
		},
	} {
		client, server := pair13(t)
		change(&client.Config)
		change(&server.Config)
		if _, _, err := startClient(client); err == nil {
			t.Errorf("%s of a client", name)
		}
		if _, _, err := startServer(server); err == nil {
			t.Errorf("%s of a server", name)
		}
	}
}

// TestUnknownExtensionsAreIgnored13: a client ignores extensions of CertificateRequest and
// NewSessionTicket that it does not know, and filters for OIDs, of which it knows none.
// RFC 9846, Sections 4.2.5, 4.3.2, 4.6.1 and 9.3.
func TestUnknownExtensionsAreIgnored13(t *testing.T) {
	unknown := []wire.Extension{{Type: 0x1a1a, Data: []byte("x")}}
	client, server := resumable(t)
	raw, err := (&wire.CertificateRequest{
		SignatureAlgorithms: client.schemes(), Unknown: unknown,
		OIDFilters: []wire.Extension{{
			Type: iana.ExtOIDFilters, Data: []byte{0, 6, 2, 0x55, 0x1d, 0, 1, 7},
		}},
	}).AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &flow13{cfg: &client.Config, info: new(State)}
	f.transcript.choose(crypto.SHA256)
	await := &awaitCertificateOrRequest{flow13: f, offer: firstOffer(t, client)}
	next, err := await.handle(newMessage(raw), new(effects))
	if got, ok := next.(*awaitCertificate); !ok || got.request == nil {
		t.Errorf("the request: %T, %v", next, err)
	}
	client.Session = nil
	c, _ := connect(t, client, server)
	ticket := &wire.NewSessionTicket{Lifetime: 100, Ticket: []byte("ticket"), Unknown: unknown}
	if raw, err = ticket.AppendTo(nil); err != nil {
		t.Fatal(err)
	}
	if made, err := c.r.state.(*open13).takeTicket(newMessage(raw)); made == nil {
		t.Errorf("the ticket: %v", err)
	}
}

// TestNothingAfterCloseNotify: what comes after close_notify is ignored. RFC 9846,
// Section 6.1.
func TestNothingAfterCloseNotify(t *testing.T) {
	for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
		client, server := pair13(t)
		client.MinVersion, client.MaxVersion = version, version
		c, s := connect(t, client, server)
		s.data = nil
		out, err := c.s.CloseNotify(nil)
		if err != nil {
			t.Fatal(err)
		}
		c.s.closed = false
		if out, err = c.s.Seal(out, []byte("more")); err != nil {
			t.Fatal(err)
		}
		s.in = append(out, "no record at all"...)
		for range 3 {
			if _, err = s.step(); err != nil || len(s.data) > 0 {
				t.Errorf("%v: %q, %v", version, s.data, err)
			}
		}
	}
}

// TestOrderOfChain: the sender's own certificate comes first, the others in their order.
// RFC 9846, Section 4.4.2; RFC 5246, Section 7.4.2.
func TestOrderOfChain(t *testing.T) {
	for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
		client, server := pair13(t)
		client.MinVersion, client.MaxVersion = version, version
		leaf, above := newCredential(t, nil), newCredential(t, nil)
		leaf.Chain = append(leaf.Chain, above.Chain...)
		leaf.OCSPStaple = []byte("a response")
		server.Credentials = []*Credential{leaf}
		c, _ := connect(t, client, server)
		state := c.r.State()
		if !slices.EqualFunc(state.PeerChain, leaf.Chain, bytes.Equal) ||
			!bytes.Equal(state.PeerOCSP, leaf.OCSPStaple) {
			t.Errorf("%v: %d certificates in another order", version, len(state.PeerChain))
		}
	}
}

// TestSharesAreNew13: two connections share no key share, random value or session ID. RFC
// 9846, Sections 4.1.2 and 4.2.8.
func TestSharesAreNew13(t *testing.T) {
	client, _ := pair13(t)
	client.KeyShares = []iana.NamedGroup{iana.X25519, iana.SecP256r1}
	seen := map[string]bool{}
	for range 2 {
		o := firstOffer(t, client)
		values := [][]byte{o.hello.Random[:], o.hello.SessionID}
		for _, share := range o.hello.KeyShares {
			values = append(values, share.Data)
		}
		for i, v := range values {
			if len(v) == 0 || seen[string(v)] {
				t.Errorf("value %d is not new", i)
			}
			seen[string(v)] = true
		}
		if o.hello.Cookie != nil {
			t.Error("a cookie that no server gave")
		}
	}
}

// TestShareOfPeerMayRepeat13: a server accepts a share that a client uses again. RFC 9846,
// Section 4.2.8.
func TestShareOfPeerMayRepeat13(t *testing.T) {
	client, server := pair13(t)
	o := firstOffer(t, client)
	for range 2 {
		if _, _, err := serverSays(t, server, o.raw); err != nil {
			t.Error(err)
		}
	}
}

// TestSessionOfAnotherName13: a client does not offer the session of another server's
// name. RFC 9846, Section 4.6.1.
func TestSessionOfAnotherName13(t *testing.T) {
	client, _ := resumable(t)
	if o := firstOffer(t, client); o.hello.PSK == nil {
		t.Fatal("the session is not offered")
	}
	client.ServerName = "other.example"
	if o := firstOffer(t, client); o.hello.PSK != nil {
		t.Error("the session is offered to another server")
	}
}

// TestTwoAlertsInARecord: a record holds one alert. RFC 9846, Section 5.1.
func TestTwoAlertsInARecord(t *testing.T) {
	client, server := pair13(t)
	c, s := connect(t, client, server)
	s.in = c.seal(t, iana.ContentAlert, []byte{1, 0, 1, 0})
	_, err := s.step()
	refuses(t, err, iana.AlertDecodeError)
}

// TestEarlyDataOverLimit13: a client keeps to max_early_data_size. RFC 9846, Section 4.2.10.
func TestEarlyDataOverLimit13(t *testing.T) {
	client, server := resumable(t)
	client.EarlyData = true
	c, _ := newPair(t, client, server)
	if _, err := c.step(); err != nil {
		t.Fatal(err)
	}
	limit := c.s.Early()
	if _, err := c.s.Seal(nil, make([]byte, limit+1)); err == nil {
		t.Errorf("%d bytes of early data, where %d are allowed", limit+1, limit)
	}
	if _, err := c.s.Seal(nil, make([]byte, limit)); err != nil {
		t.Error(err)
	}
}

// TestFatalAlertLevel: an error sends a fatal alert, in a record of its own. RFC 9846,
// Section 6.2; RFC 5246, Section 7.2.2.
func TestFatalAlertLevel(t *testing.T) {
	s := newServer(t, new(config))
	s.in = plainRecord([]byte{byte(iana.HandshakeFinished), 0, 0, 0})
	out, err := s.step()
	refuses(t, err, iana.AlertUnexpectedMessage)
	want := []byte{byte(iana.ContentAlert), 3, 3, 0, 2, 2, byte(iana.AlertUnexpectedMessage)}
	if !bytes.Equal(out, want) {
		t.Errorf("% x", out)
	}
}
