package engine

import (
	"bytes"
	"crypto"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// TestRecordLimitIsExact13: what goes over the wire counts the content type, what is
// sent and taken does not or does. RFC 8449, Section 4.
func TestRecordLimitIsExact13(t *testing.T) {
	client, server := pair13(t)
	client.RecordSizeLimit, server.RecordSizeLimit = 100, 64
	if got := unsealed(t, client).hello.RecordSizeLimit; got != 101 {
		t.Errorf("the client offers %d", got)
	}
	client.Trace = func(tr Trace) {
		if tr.Sent || tr.Data[0] != byte(iana.HandshakeEncryptedExtensions) {
			return
		}
		m, err := wire.ParseEncryptedExtensions(tr.Data[wire.HeaderLen:])
		if err != nil || m.RecordSizeLimit != 65 {
			t.Errorf("the server answers %d, %v", m.RecordSizeLimit, err)
		}
	}
	c, s := connect(t, client, server)
	for _, got := range []struct{ send, take, wantSend, wantTake int }{
		{c.s.MaxData(), c.r.opener.(*record.Opener13).MaxInner, 64, 101},
		{s.s.MaxData(), s.r.opener.(*record.Opener13).MaxInner, 100, 65},
	} {
		if got.send != got.wantSend || got.take != got.wantTake {
			t.Errorf("%+v", got)
		}
	}
}

// TestNoCommonKind13: without a kind of certificate in common the server ends the
// handshake with unsupported_certificate. RFC 7250, Section 4.2.
func TestNoCommonKind13(t *testing.T) {
	client, server := pair13(t)
	client.Credentials = []*Credential{newCredential(t, nil)}
	server.Verifier, server.ClientAuth, server.OnlyRawKeys = acceptAll{}, RequireClientCert, true
	err := rewritten(t, client, server, false, nil)
	refusesFor(t, err, iana.AlertUnsupportedCertificate, "no type of")
}

// TestCompressionIsAskedFor13: a certificate is compressed for a peer that offers the
// algorithm only. RFC 8879, Section 4.
func TestCompressionIsAskedFor13(t *testing.T) {
	ours, another := zlibCompressor(), zlibCompressor()
	another.ID = iana.CompressionBrotli
	for name, offered := range map[string][]Compressor{
		"nothing": nil, "another": {another}, "both": {another, ours},
	} {
		client, server := pair13(t)
		server.Credentials[0].Chain = append(server.Credentials[0].Chain, make([]byte, 2000))
		server.Compressors, client.Compressors = []Compressor{ours}, offered
		compressed := false
		client.Trace = func(tr Trace) {
			compressed = compressed || !tr.Sent && tr.Data[0] == byte(iana.HandshakeCompressedCertificate)
		}
		connect(t, client, server)
		if compressed != (name == "both") {
			t.Errorf("the client offers %s: compressed %v", name, compressed)
		}
	}
}

// expandLabelSHA256 is HKDF-Expand-Label with the standard library. RFC 9846, Section
// 7.1.
func expandLabelSHA256(t *testing.T, secret []byte, label string, context []byte, n int) []byte {
	t.Helper()
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(info, byte(len("tls13 "+label)))
	info = append(info, "tls13 "+label...)
	info = append(append(info, byte(len(context))), context...)
	out, err := hkdf.Expand(sha256.New, secret, string(info), n)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestImportPSKVector computes an imported key with the standard library. RFC 9258,
// Section 5.1.
func TestImportPSKVector(t *testing.T) {
	psk := NewPSK([]byte("device"), []byte("secret"))
	got, err := psk.Import([]byte("context"), crypto.SHA384)
	if err != nil {
		t.Fatal(err)
	}
	identity := "\x00\x06device\x00\x07context\x03\x04\x00\x02"
	if string(got.Identity) != identity {
		t.Errorf("identity %q, want %q", got.Identity, identity)
	}
	extracted, err := hkdf.Extract(sha256.New, psk.secret.bytes(), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(identity))
	want := expandLabelSHA256(t, extracted, "derived psk", sum[:], 48)
	if !bytes.Equal(got.secret.bytes(), want) {
		t.Errorf("key %x, want %x", got.secret.bytes(), want)
	}
}

// TestExporter13 computes exported keys with the standard library. RFC 9846, Section
// 7.5.
func TestExporter13(t *testing.T) {
	client, server := pair13(t)
	client.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}
	var secret []byte
	client.KeyLog = func(label string, _, s []byte) {
		if label == "EXPORTER_SECRET" {
			secret = bytes.Clone(s)
		}
	}
	c, _ := connect(t, client, server)
	state := c.r.State()
	empty := sha256.Sum256(nil)
	for _, context := range [][]byte{nil, []byte("context")} {
		sum := sha256.Sum256(context)
		inner := expandLabelSHA256(t, secret, "EXPORTER-test", empty[:], 32)
		want := expandLabelSHA256(t, inner, "exporter", sum[:], 40)
		if got, err := state.Export("EXPORTER-test", context, 40); err != nil || !bytes.Equal(got, want) {
			t.Errorf("context %q: %x, %v, want %x", context, got, err, want)
		}
	}
}

// TestForwardSecrecyOffered13: a client offers psk_ke only if its configuration allows
// that. RFC 9846, Section 4.2.9.
func TestForwardSecrecyOffered13(t *testing.T) {
	for _, alone := range []bool{false, true} {
		psk := NewPSK([]byte("x"), []byte("y"))
		o, err := newOffer((&config{PSKs: []*PSK{psk}, PSKWithoutDHE: alone}).client())
		if err != nil {
			t.Fatal(err)
		}
		o.offerPSKs()
		if got := slices.Contains(o.hello.PSKModes, iana.PSKKE); got != alone {
			t.Errorf("psk_ke allowed %v, offered %v", alone, got)
		}
	}
}

// TestNoEarlyDataOffered13: a client offers 0-RTT data only with a key that allows it,
// and with its suite and protocol. RFC 9846, Section 4.2.10.
func TestNoEarlyDataOffered13(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*config, *Session)
		offers bool
	}{
		"as is":            {func(*config, *Session) {}, true},
		"no early data":    {func(_ *config, s *Session) { s.MaxEarlyData = 0 }, false},
		"another protocol": {func(c *config, _ *Session) { c.ALPN = []string{"y"} }, false},
		"another suite": {func(c *config, _ *Session) {
			c.CipherSuites = []iana.CipherSuite{iana.TLS_CHACHA20_POLY1305_SHA256}
		}, false},
	} {
		client, _ := resumable(t)
		client.EarlyData = true
		session := *client.Session
		client.Session = &session
		c.change(client, &session)
		o, err := newOffer(client.client())
		if err != nil {
			t.Fatal(err)
		}
		if o.offerPSKs(); o.hello.EarlyData != c.offers {
			t.Errorf("%s: offered %v", name, o.hello.EarlyData)
		}
	}
}

// TestUnknownRecords13: a record of an unknown type, in the clear or protected, ends in
// unexpected_message. RFC 9846, Section 5.
func TestUnknownRecords13(t *testing.T) {
	for _, typ := range []iana.ContentType{0, 19, 24, 255} {
		s := newServer(t, new(config))
		s.in = []byte{byte(iana.ContentHandshake), 3, 1, 0, 1, 1} // so that it counts as TLS
		if _, err := s.step(); err != nil {
			t.Fatal(err)
		}
		s.in = []byte{byte(typ), 3, 3, 0, 1, 0}
		_, err := s.step()
		refusesFor(t, err, iana.AlertUnexpectedMessage, "unknown type")
	}
	for _, typ := range []iana.ContentType{19, 24, 255} {
		client, server := pair13(t)
		c, s := connect(t, client, server)
		s.in = c.seal(t, typ, []byte("x"))
		_, err := s.step()
		refusesFor(t, err, iana.AlertUnexpectedMessage, "record of type")
	}
}

// TestLongRecords13: the length in the header is checked before the rest is waited for.
// RFC 9846, Sections 5.1 and 5.2.
func TestLongRecords13(t *testing.T) {
	for _, c := range []struct {
		open bool
		n    int
		ok   bool
	}{
		{false, 1 << 14, true}, {false, 1<<14 + 1, false},
		{true, 1<<14 + 256, true}, {true, 1<<14 + 257, false},
	} {
		client, server := pair13(t)
		s, typ := newServer(t, server), iana.ContentHandshake
		if c.open {
			_, s = connect(t, client, server)
			typ = iana.ContentApplicationData
		}
		s.in = record.AppendHeader(nil, typ, iana.TLS12, c.n)
		_, err := s.step()
		if c.ok && err != nil {
			t.Errorf("%d bytes: %v", c.n, err)
		} else if !c.ok {
			refuses(t, err, iana.AlertRecordOverflow)
		}
	}
}

// TestForgedRecords13: a record that does not open ends the connection. RFC 9846,
// Section 5.2.
func TestForgedRecords13(t *testing.T) {
	client, server := pair13(t)
	c, s := connect(t, client, server)
	s.in = c.seal(t, iana.ContentApplicationData, []byte("data"))
	s.in[len(s.in)-1] ^= 1
	_, err := s.step()
	refuses(t, err, iana.AlertBadRecordMAC)
	s.in = c.seal(t, iana.ContentApplicationData, []byte("data"))
	had := len(s.data)
	_, err = s.step()
	refuses(t, err, iana.AlertBadRecordMAC)
	if len(s.data) != had {
		t.Error("the connection goes on after a forgery")
	}

	c, s = newPair(t, client, server)
	if s.in, err = c.step(); err != nil {
		t.Fatal(err)
	}
	if c.in, err = s.step(); err != nil {
		t.Fatal(err)
	}
	c.in[len(c.in)-1] ^= 1
	_, err = c.step()
	refuses(t, err, iana.AlertBadRecordMAC)
}

// TestLateAnswers13: an answer to a late request has the context of one that is under
// way, and a Finished that fits. RFC 9846, Section 4.6.2.
func TestLateAnswers13(t *testing.T) {
	for _, c := range []struct {
		name  string
		edit  func(steps []step) []step
		alert iana.Alert
	}{
		{"as it is", func(s []step) []step { return s }, 0},
		{"another context", func(s []step) []step {
			s[0].message[wire.HeaderLen+1] ^= 1
			return s
		}, iana.AlertIllegalParameter},
		{"twice", func(s []step) []step { return append(s, s...) }, iana.AlertUnexpectedMessage},
		{"another Finished", func(s []step) []step {
			last := &s[len(s)-1]
			last.message = bytes.Clone(last.message)
			last.message[0] ^= 1
			return s
		}, iana.AlertDecryptError},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := pair13(t)
			client.Credentials = []*Credential{newCredential(t, nil)}
			client.PostHandshakeAuth, server.Verifier = true, acceptAll{}
			cs, ss := connect(t, client, server)
			ask(t, cs, ss)
			_, ev, err := cs.r.Receive(cs.in)
			if err != nil {
				t.Fatal(err)
			}
			if ss.in, err = cs.s.Apply(nil, Outgoing{c.edit(ev.Reply.steps)}); err != nil {
				t.Fatal(err)
			}
			_, err = ss.step()
			if c.alert == 0 && (err != nil || len(ss.r.State().PeerChain) != 1) {
				t.Errorf("not taken: %v", err)
			} else if c.alert != 0 {
				refuses(t, err, c.alert)
			}
		})
	}
}

// TestAlertLevels13: an alert of an unknown level is refused. RFC 9846, Section 6.
func TestAlertLevels13(t *testing.T) {
	for _, level := range []byte{0, 3, 255} {
		client, server := pair13(t)
		c, s := connect(t, client, server)
		s.in = c.seal(t, iana.ContentAlert, []byte{level, byte(iana.AlertInternalError)})
		_, err := s.step()
		refusesFor(t, err, iana.AlertIllegalParameter, "level")
	}
}

// TestErrorSendsAlert13: the alert of an error goes out before anything else, and then
// nothing more. RFC 9846, Section 6.2.
func TestErrorSendsAlert13(t *testing.T) {
	client, server := pair13(t)
	c, s := connect(t, client, server)
	s.in = c.seal(t, iana.ContentHandshake, []byte{byte(iana.HandshakeFinished), 0, 0, 0})
	out, err := s.step()
	refuses(t, err, iana.AlertUnexpectedMessage)
	c.in = out
	var e *Error
	if _, err := c.step(); !errors.As(err, &e) || e.Fault != FaultAlert ||
		e.Alert != iana.AlertUnexpectedMessage {
		t.Errorf("the peer hears %v", err)
	}
	if _, err := s.s.Seal(nil, []byte("more")); err == nil {
		t.Error("data can be sent after the alert")
	}
}

// TestIdleRecords13: records that bring nothing, and changes of the key without data,
// are bounded.
func TestIdleRecords13(t *testing.T) {
	for name, one := range map[string]func(c *side) ([]byte, error){
		"empty data": func(c *side) ([]byte, error) { return c.s.Seal(nil, nil) },
		"key update": func(c *side) ([]byte, error) {
			c.s.updates = allowance{} // this side does not keep to the bound
			return c.s.Rekey(nil, false)
		},
	} {
		client, server := pair13(t)
		c, s := connect(t, client, server)
		n := 0
		for ; ; n++ {
			out, err := one(c)
			if err != nil {
				t.Fatal(err)
			}
			s.in = append(s.in, out...)
			if _, err = s.step(); err != nil {
				var e *Error
				if !errors.As(err, &e) || e.Fault != FaultLimit || e.Alert != iana.AlertUnexpectedMessage {
					t.Errorf("%s: %v", name, err)
				}
				break
			}
			if n > 100 {
				break
			}
		}
		if n != 32 {
			t.Errorf("%s: %d are taken, want 32", name, n)
		}
	}
}

// TestPSKWithoutSchemes13: a client whose keys are not known must name what its
// peer may sign with. RFC 9846, Sections 4.2.3 and 9.2.
func TestPSKWithoutSchemes13(t *testing.T) {
	client := &config{PSKs: []*PSK{NewPSK([]byte("x"), []byte("y"))}}
	s := newServer(t, &config{
		FindPSK:     func([]byte) (*PSK, error) { return nil, nil },
		Credentials: []*Credential{newCredential(t, nil)},
	})
	s.in = handMade(t, client, func(h *wire.ClientHello) { h.SignatureAlgorithms = nil })
	_, err := s.step()
	refusesFor(t, err, iana.AlertMissingExtension, "signature_algorithms")
}

// TestMissingShareWithPSK13: supported_groups and key_share come together. RFC 9846,
// Section 9.2.
func TestMissingShareWithPSK13(t *testing.T) {
	psk := NewPSK([]byte("x"), []byte("y"))
	server := &config{FindPSK: func([]byte) (*PSK, error) { return psk, nil }, PSKWithoutDHE: true}
	for ext, change := range map[string]func(*wire.ClientHello){
		"key_share":        func(h *wire.ClientHello) { h.KeyShares = nil },
		"supported_groups": func(h *wire.ClientHello) { h.SupportedGroups = nil },
	} {
		s := newServer(t, server)
		s.in = handMade(t, &config{PSKs: []*PSK{psk}, PSKWithoutDHE: true}, change)
		_, err := s.step()
		refusesFor(t, err, iana.AlertMissingExtension, ext)
	}
}

// TestChangeCipherSpec12: a change_cipher_spec is the single byte 1. RFC 5246, Section
// 7.1.
func TestChangeCipherSpec12(t *testing.T) {
	for _, payload := range [][]byte{{0}, {2}, {1, 1}} {
		e := reach12(t, "awaitClientCCS12", true, nil)
		if err := e.r.changeCipherSpec(payload); err == nil {
			t.Errorf("%x is taken", payload)
		}
	}
}

// TestSignatureAsOffered12: a scheme that fits the key was offered too. RFC 5246,
// Section 7.4.1.4.1.
func TestSignatureAsOffered12(t *testing.T) {
	client, server := pair12(t)
	client.SignatureSchemes = []iana.SignatureScheme{iana.ECDSAWithP384AndSHA384}
	server.SignatureSchemes = []iana.SignatureScheme{iana.ECDSAWithP256AndSHA256}
	server.Credentials[0].Schemes = server.SignatureSchemes
	c, s := newPair(t, client, server)
	err := pumpThrough(c, s, func(raw []byte) []byte {
		return editHello(raw, func(h *helloEdit) { h.SignatureAlgorithms = server.SignatureSchemes })
	})
	refusesFor(t, err, iana.AlertIllegalParameter, "which was not offered")
}

// TestCurveAsOffered12: the curve of the key exchange was offered. RFC 8422, Section
// 5.4.
func TestCurveAsOffered12(t *testing.T) {
	client, server := pair12(t)
	client.Groups = []iana.NamedGroup{iana.X25519, iana.SecP256r1}
	server.Groups = []iana.NamedGroup{iana.SecP384r1, iana.SecP256r1}
	c, s := newPair(t, client, server)
	err := pumpThrough(c, s, func(raw []byte) []byte {
		return editHello(raw, func(h *helloEdit) { h.SupportedGroups = server.Groups })
	})
	if group := s.r.State().Group; group != iana.SecP384r1 {
		t.Fatalf("the server chose %v", group)
	}
	refusesFor(t, err, iana.AlertIllegalParameter, "which was not offered")
}

// TestWrongFinished12: a Finished that does not match ends in decrypt_error. RFC 5246,
// Section 7.4.9.
func TestWrongFinished12(t *testing.T) {
	for _, byServer := range []bool{false, true} {
		client, server := pair12(t)
		err := rewritten(t, client, server, byServer, flipped(iana.HandshakeFinished))
		refusesFor(t, err, iana.AlertDecryptError, "Finished does not match")
	}
}

// TestResumptionNeedsSuite12: a session is resumed only with a suite that the client offers
// now. RFC 5246, Section 7.4.1.2.
func TestResumptionNeedsSuite12(t *testing.T) {
	client, server := resumable12(t, true)
	old := client.Session.CipherSuite
	c, s := newPair(t, client, server)
	first, err := c.step()
	if err != nil {
		t.Fatal(err)
	}
	s.in = editHello(first, func(h *helloEdit) {
		i := slices.Index(h.CipherSuites, old)
		h.CipherSuites = slices.Delete(h.CipherSuites, i, i+1)
	})
	out, err := s.step()
	if err != nil {
		t.Fatal(err)
	}
	if got := firstServerHello(t, out).CipherSuite; got == old || s.r.State().Resumed {
		t.Errorf("the server goes on with %v", got)
	}
}

// TestTicketLifetime12: no ticket is kept for more than seven days.
func TestTicketLifetime12(t *testing.T) {
	for seconds, want := range map[uint32]time.Duration{3600: time.Hour, 30 * 24 * 3600: maxLifetime} {
		e := reach12(t, "awaitNewSessionTicket12", false, ticket12)
		made := e.r.state.(*awaitNewSessionTicket12).client12
		ticket := &wire.NewSessionTicket12{Lifetime: seconds, Ticket: []byte("x")}
		if err := e.r.dispatch(newMessage(appended(t, ticket))); err != nil {
			t.Fatal(err)
		}
		if made.made.Lifetime != want {
			t.Errorf("%d seconds: kept for %v", seconds, made.made.Lifetime)
		}
	}
}
