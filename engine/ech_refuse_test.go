package engine

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// plainRecord puts a handshake message into a record.
func plainRecord(msg []byte) []byte {
	return append([]byte{byte(iana.ContentHandshake), 3, 3, byte(len(msg) >> 8), byte(len(msg))}, msg...)
}

// unsealed does what clientStart does up to the encryption.
func unsealed(t testing.TB, cfg *config) *offer {
	t.Helper()
	o, err := newOffer(cfg.client())
	if err == nil {
		err = o.startECH()
	}
	if err == nil {
		err = o.write(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if o.ech != nil {
		outer := *o.hello
		outer.ServerName, outer.ALPN = publicName, nil
		o.ech.outer = &outer
	}
	return o
}

// sealed encrypts the offer's hello, changed once it is encoded.
func sealed(t testing.TB, o *offer, change func(encoded []byte) []byte) []byte {
	t.Helper()
	encoded, err := encodeInner(o.hello, 0)
	if err != nil {
		t.Fatal(err)
	}
	return sealedBytes(t, o, change(encoded))
}

func sealedBytes(t testing.TB, o *offer, encoded []byte) []byte {
	t.Helper()
	if err := o.ech.seal(o.ech.outer, encoded); err != nil {
		t.Fatal(err)
	}
	return o.ech.raw
}

// serverSays gives a server messages in the clear and returns what it answers.
func serverSays(t testing.TB, cfg *config, hellos ...[]byte) (out []byte, state State, err error) {
	t.Helper()
	r, s, err := startServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	e := &side{r: r, s: s}
	for _, h := range hellos {
		e.in = append(e.in, plainRecord(h)...)
		if out, err = e.step(); err != nil {
			break
		}
	}
	return out, r.State(), err
}

func same(b []byte) []byte { return b }

// replaceOuter replaces the list of extensions that are taken from the outer hello.
func replaceOuter(list ...iana.ExtensionType) func([]byte) []byte {
	return func(encoded []byte) []byte {
		// The length of all extensions stands behind version, random, empty
		// session id, suites and compression. Only behind that may the type be
		// looked for: the random bytes may look like it.
		lengthAt := 2 + 32 + 1
		lengthAt += 2 + int(encoded[lengthAt])<<8 + int(encoded[lengthAt+1]) + 2
		at := lengthAt + bytes.Index(encoded[lengthAt:], []byte{0xfd, 0x00})
		size := int(encoded[at+2])<<8 | int(encoded[at+3])
		body := []byte{byte(2 * len(list))}
		for _, typ := range list {
			body = append(body, byte(typ>>8), byte(typ))
		}
		out := append(bytes.Clone(encoded[:at+2]), 0, byte(len(body)))
		out = append(append(out, body...), encoded[at+4+size:]...)
		length := int(out[lengthAt])<<8 + int(out[lengthAt+1]) - size + len(body)
		out[lengthAt], out[lengthAt+1] = byte(length>>8), byte(length)
		return out
	}
}

// TestECHServerRefuses is the alerts of RFC 9849, Sections 5.1, 7 and 7.1.
func TestECHServerRefuses(t *testing.T) {
	for _, test := range []struct {
		name  string
		inner func(*wire.ClientHello)
		bytes func([]byte) []byte
		alert iana.Alert
	}{
		{"nothing", nil, same, 0},
		{"no marker", func(h *wire.ClientHello) { h.ECH = nil }, same, iana.AlertIllegalParameter},
		{"the outer type inside", func(h *wire.ClientHello) { h.ECH = &wire.ECHClientHello{Payload: []byte{1}} }, same, iana.AlertIllegalParameter},
		{"TLS 1.2 as well", func(h *wire.ClientHello) {
			h.Unknown = []wire.Extension{{Type: iana.ExtSupportedVersions, Data: []byte{4, 3, 4, 3, 3}}}
			h.SupportedVersions = nil
		}, same, iana.AlertIllegalParameter},
		{"no version", func(h *wire.ClientHello) { h.SupportedVersions = nil }, same, iana.AlertIllegalParameter},
		{"a version of GREASE as well", func(h *wire.ClientHello) {
			h.Unknown = []wire.Extension{{Type: iana.ExtSupportedVersions, Data: []byte{4, 3, 4, 0x0a, 0x0a}}}
			h.SupportedVersions = nil
		}, same, 0},
		{"padding that is not zero", nil, func(b []byte) []byte { return append(b, 0, 1) }, iana.AlertIllegalParameter},
		{"a session id inside", nil, func(b []byte) []byte { b[34] = 1; return b }, iana.AlertDecodeError},
		{"cut", nil, func(b []byte) []byte { return b[:60] }, iana.AlertDecodeError},
		{"empty", nil, func([]byte) []byte { return nil }, iana.AlertDecodeError},
		{"an extension that is not there", nil, replaceOuter(iana.ExtKeyShare, 0x1234), iana.AlertIllegalParameter},
		{"an extension twice", nil, replaceOuter(iana.ExtKeyShare, iana.ExtKeyShare), iana.AlertIllegalParameter},
		{"extensions in another order", nil, replaceOuter(iana.ExtKeyShare, iana.ExtSupportedGroups), iana.AlertIllegalParameter},
		{"itself", nil, replaceOuter(iana.ExtECH), iana.AlertIllegalParameter},
		{"an extension that is inside already", nil, replaceOuter(iana.ExtServerName), iana.AlertDecodeError},
		{"references in references", nil, replaceOuter(iana.ExtECHOuterExtensions), iana.AlertIllegalParameter},
	} {
		client, server := echPair(t)
		o := unsealed(t, client)
		if strings.HasPrefix(test.name, "references") {
			o.ech.outer.Unknown = []wire.Extension{{Type: iana.ExtECHOuterExtensions, Data: []byte{2, 0, 51}}}
		}
		if test.inner != nil {
			test.inner(o.hello)
		}
		_, state, err := serverSays(t, server, sealed(t, o, test.bytes))
		if got := alertOf(err); got != test.alert || state.ECHAccepted != (test.alert == 0) {
			t.Errorf("%s: alert %v, accepted %v: %v", test.name, got, state.ECHAccepted, err)
		}
	}
}

// TestECHServerIgnores: what cannot be decrypted is not an error.
func TestECHServerIgnores(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*wire.ECHClientHello)
	}{
		{"config_id", func(e *wire.ECHClientHello) { e.ConfigID++ }},
		{"KDF", func(e *wire.ECHClientHello) { e.KDF = 9 }},
		{"AEAD", func(e *wire.ECHClientHello) { e.AEAD = exportOnly }},
		{"no key", func(e *wire.ECHClientHello) { e.Enc = nil }},
		{"a zero key", func(e *wire.ECHClientHello) { e.Enc = make([]byte, 32) }},
		{"payload", func(e *wire.ECHClientHello) { e.Payload[0] ^= 1 }},
		{"a short payload", func(e *wire.ECHClientHello) { e.Payload = e.Payload[:1] }},
	} {
		client, server := echPair(t)
		o := firstOffer(t, client)
		test.change(o.ech.outer.ECH)
		raw, err := o.ech.outer.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		_, state, err := serverSays(t, server, raw)
		if err != nil || state.ECHAccepted || state.ServerName != publicName {
			t.Errorf("%s: accepted %v, name %q: %v", test.name, state.ECHAccepted, state.ServerName, err)
		}
	}
	client, server := echPair(t)
	o := firstOffer(t, client)
	o.ech.outer.ServerName = "other.example" // which is authenticated too
	raw, err := o.ech.outer.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, state, err := serverSays(t, server, raw); err != nil || state.ECHAccepted {
		t.Errorf("a changed outer hello: accepted %v, %v", state.ECHAccepted, err)
	}
}

// TestECHInnerInTheClear: RFC 9849, Section 7.
func TestECHInnerInTheClear(t *testing.T) {
	client, server := echPair(t)
	raw := unsealed(t, client).raw
	if _, _, err := serverSays(t, server, raw); alertOf(err) != iana.AlertIllegalParameter {
		t.Errorf("with keys: %v", err)
	}
	server.ECHKeys = nil
	if _, state, err := serverSays(t, server, raw); err != nil || state.ECHAccepted {
		t.Errorf("without keys: accepted %v, %v", state.ECHAccepted, err)
	}
	server.ECHBackend = true
	if _, state, err := serverSays(t, server, raw); err != nil || !state.ECHAccepted {
		t.Errorf("behind another server: accepted %v, %v", state.ECHAccepted, err)
	}
	if _, _, err := serverSays(t, server, firstOffer(t, client).sent()); alertOf(err) != iana.AlertIllegalParameter {
		t.Errorf("an outer hello behind another server: %v", err)
	}
}

// TestECHSecondHelloRefused is the alerts of RFC 9849, Section 7.1.1.
func TestECHSecondHelloRefused(t *testing.T) {
	for _, test := range []struct {
		name  string
		inner func(*wire.ClientHello)
		outer func(*wire.ClientHello)
		alert iana.Alert
	}{
		{"nothing", nil, nil, 0},
		{"left out", nil, func(h *wire.ClientHello) { h.ECH = nil }, iana.AlertMissingExtension},
		{"not encrypted", nil, func(h *wire.ClientHello) { h.ECH = &wire.ECHClientHello{Inner: true} }, iana.AlertIllegalParameter},
		{"config_id", nil, func(h *wire.ClientHello) { h.ECH.ConfigID++ }, iana.AlertIllegalParameter},
		{"KDF", nil, func(h *wire.ClientHello) { h.ECH.KDF++ }, iana.AlertIllegalParameter},
		{"AEAD", nil, func(h *wire.ClientHello) { h.ECH.AEAD++ }, iana.AlertIllegalParameter},
		{"a key again", nil, func(h *wire.ClientHello) { h.ECH.Enc = make([]byte, 32) }, iana.AlertIllegalParameter},
		{"payload", nil, func(h *wire.ClientHello) { h.ECH.Payload[5] ^= 1 }, iana.AlertDecryptError},
		{"the rest", nil, func(h *wire.ClientHello) { h.ServerName = "other.example" }, iana.AlertDecryptError},
		{"no marker", func(h *wire.ClientHello) { h.ECH = nil }, nil, iana.AlertIllegalParameter},
		{"another name", func(h *wire.ClientHello) { h.ServerName = "other.example" }, nil, iana.AlertIllegalParameter},
	} {
		client, server := echPair(t)
		client.KeyShares = []iana.NamedGroup{}
		server.Groups = []iana.NamedGroup{iana.X25519}
		o := firstOffer(t, client)
		first := bytes.Clone(o.sent())
		if err := o.replaceShare(iana.X25519); err != nil {
			t.Fatal(err)
		}
		if test.inner != nil {
			test.inner(o.hello)
		}
		if err := errors.Join(o.write(nil), o.wrap()); err != nil {
			t.Fatal(err)
		}
		second := o.sent()
		if test.outer != nil {
			test.outer(o.ech.outer)
			var err error
			if second, err = o.ech.outer.AppendTo(nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := serverSays(t, server, first, second); alertOf(err) != test.alert {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// clientHears connects a client and a server; change may change the server's n-th
// ServerHello, HelloRetryRequest included, on its way.
func clientHears(t *testing.T, client, server *config, n int, change func(*wire.ServerHello)) error {
	t.Helper()
	c, s := newPair(t, client, server)
	for i := 1; ; i++ {
		out, err := c.step()
		if err != nil {
			return err
		}
		s.in = append(s.in, out...)
		if out, err = s.step(); err != nil {
			t.Fatal(err)
		}
		if i == n {
			size := 5 + int(out[3])<<8 + int(out[4])
			hello, err := wire.ParseServerHello(out[5+wire.HeaderLen : size])
			if err != nil {
				t.Fatal(err)
			}
			change(hello)
			raw, err := hello.AppendTo(nil)
			if err != nil {
				t.Fatal(err)
			}
			c.in = append(plainRecord(raw), out[size:]...)
			_, err = c.step()
			return err
		}
		c.in = out
	}
}

// TestECHClientRefuses is the alerts of RFC 9849, Sections 5 and 6.1.
func TestECHClientRefuses(t *testing.T) {
	unconfirm := func(sh *wire.ServerHello) { sh.Random[31] ^= 1 }
	for _, test := range []struct {
		name   string
		with   func(c *config)
		n      int
		change func(*wire.ServerHello)
		alert  iana.Alert
	}{
		{"a confirmation of 7 bytes", nil, 1, func(sh *wire.ServerHello) { sh.ECHConfirmation = sh.ECHConfirmation[1:] }, iana.AlertDecodeError},
		{"a confirmation and then none", nil, 2, unconfirm, iana.AlertIllegalParameter},
		{"one that nobody asked for", func(c *config) { c.ECHConfigs = nil }, 1, func(sh *wire.ServerHello) { sh.ECHConfirmation = make([]byte, 8) }, iana.AlertUnsupportedExtension},
		{"one of 7 bytes for GREASE", func(c *config) { c.ECHConfigs, c.ECHGREASE = nil, true }, 1, func(sh *wire.ServerHello) { sh.ECHConfirmation = make([]byte, 7) }, iana.AlertDecodeError},
		{"an extension in ServerHello", nil, 2, func(sh *wire.ServerHello) {
			sh.Unknown = []wire.Extension{{Type: iana.ExtECH, Data: make([]byte, 8)}}
		}, iana.AlertIllegalParameter},
	} {
		client, server := echPair(t)
		client.KeyShares = []iana.NamedGroup{}
		if test.with != nil {
			test.with(client)
		}
		if err := clientHears(t, client, server, test.n, test.change); alertOf(err) != test.alert {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	// RFC 9849, Section 6.1.2: no pre-shared key may come out of the outer hello.
	client, server := resumable(t)
	k := newECHKey(t, 3)
	client.ECHConfigs, server.ECHKeys = echConfigs(t, k), []*ECHKey{k}
	if err := clientHears(t, client, server, 1, unconfirm); alertOf(err) != iana.AlertIllegalParameter {
		t.Errorf("a pre-shared key of the outer hello: %v", err)
	}
}

// TestECHEncryptedExtensions is what a client makes of configurations there.
func TestECHEncryptedExtensions(t *testing.T) {
	client, _ := echPair(t)
	good := echConfigs(t, newECHKey(t, 1))
	future := []byte{0, 5, 0xfe, 0x0e, 0, 1, 9}
	for _, test := range []struct {
		name     string
		list     []byte
		accepted bool
		rejected bool
		kept     bool
		alert    iana.Alert
	}{
		{"after acceptance", good, true, false, false, iana.AlertUnsupportedExtension},
		{"after rejection", good, false, true, true, 0},
		{"after rejection, of another version", future, false, true, false, 0},
		{"after rejection, cut", good[:20], false, true, false, iana.AlertDecodeError},
		{"for GREASE", good, false, false, false, 0},
		{"for GREASE, cut", good[:20], false, false, false, iana.AlertDecodeError},
	} {
		o := firstOffer(t, client)
		f := &flow13{cfg: &client.Config, info: &State{ECHAccepted: test.accepted}}
		if test.rejected {
			f.rejected = new(ECHRejectedError)
		}
		f.transcript.choose(5) // SHA-256
		raw, err := (&wire.EncryptedExtensions{ECHRetryConfigs: test.list}).AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		s := &awaitEncryptedExtensions{flow13: f, offer: o}
		_, err = s.handle(newMessage(raw), new(effects))
		if err == nil {
			err = &Error{}
		}
		if got := asError(err).Alert; got != test.alert {
			t.Errorf("%s: %v", test.name, err)
		}
		if test.rejected && (f.rejected.RetryConfigs != nil) != test.kept {
			t.Errorf("%s: kept %x", test.name, f.rejected.RetryConfigs)
		}
	}
	// Early data belongs to the inner hello.
	o := firstOffer(t, client)
	o.hello.EarlyData, o.hello.Present = true, append(o.hello.Present, iana.ExtEarlyData)
	raw, err := (&wire.EncryptedExtensions{EarlyData: true}).AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &flow13{cfg: &client.Config, info: new(State), rejected: new(ECHRejectedError)}
	f.transcript.choose(5)
	_, err = (&awaitEncryptedExtensions{flow13: f, offer: o}).handle(newMessage(raw), new(effects))
	if alertOf(err) != iana.AlertIllegalParameter {
		t.Errorf("early data that nobody can have accepted: %v", err)
	}
}

// TestECHSplitMode decrypts at one server and continues at another.
// RFC 9849, Section 3.1.
func TestECHSplitMode(t *testing.T) {
	for _, shares := range [][]iana.NamedGroup{nil, {}} {
		client, server := echPair(t)
		front := &config{ECHKeys: server.ECHKeys}
		client.KeyShares, server.ECHKeys, server.ECHBackend = shares, nil, true
		c, s := newPair(t, client, server)
		var opened *flow13
		for range 4 {
			out, err := c.step()
			if err != nil {
				t.Fatal(err)
			}
			s.in = append(s.in, unwrapHello(t, front, &opened, out)...)
			if out, err = s.step(); err != nil {
				t.Fatal(err)
			}
			c.in = append(c.in, out...)
		}
		send(t, c, s, "hello")
		if cs, ss := c.r.State(), s.r.State(); !cs.ECHAccepted || !ss.ECHAccepted || ss.ServerName != hiddenName {
			t.Errorf("accepted %v and %v, name %q", cs.ECHAccepted, ss.ECHAccepted, ss.ServerName)
		}
	}
}

// unwrapHello replaces an outer ClientHello among records by the inner one.
func unwrapHello(t *testing.T, front *config, f **flow13, records []byte) []byte {
	t.Helper()
	var out []byte
	for len(records) > 0 {
		size := 5 + int(records[3])<<8 + int(records[4])
		one := records[:size]
		records = records[size:]
		if iana.ContentType(one[0]) != iana.ContentHandshake {
			out = append(out, one...)
			continue
		}
		m := newMessage(one[5:])
		hello, err := wire.ParseClientHello(m.body)
		if err != nil {
			t.Fatal(err)
		}
		if *f == nil {
			*f = &flow13{info: new(State)}
			(*f).ech, _, m, err = openHello(&front.Config, (*f).info, hello, m)
		} else {
			_, m, err = (*f).openSecond(hello, m)
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, plainRecord(m.raw)...)
	}
	return out
}

// FuzzECHServer gives a server that has keys any ClientHello.
func FuzzECHServer(f *testing.F) {
	client, server := echPair(f)
	f.Add(firstOffer(f, client).sent())
	f.Add(unsealed(f, client).raw)
	grease := *client
	grease.ECHConfigs, grease.ECHGREASE = nil, true
	f.Add(firstOffer(f, &grease).sent())
	f.Fuzz(func(t *testing.T, hello []byte) {
		if len(hello) > 1<<14 {
			return
		}
		checkAnswer(t, server, hello)
	})
}

// FuzzECHInner encrypts anything to a server's key.
func FuzzECHInner(f *testing.F) {
	client, server := echPair(f)
	encoded, err := encodeInner(unsealed(f, client).hello, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded)
	f.Add(replaceOuter(iana.ExtKeyShare)(encoded))
	f.Add(append(bytes.Clone(encoded), 1))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		if len(encoded) > 1<<13 {
			return
		}
		checkAnswer(t, server, sealedBytes(t, unsealed(t, client), encoded))
	})
}

// checkAnswer demands that a server answers, asks for more, or sends an alert.
func checkAnswer(t *testing.T, server *config, hello []byte) {
	t.Helper()
	out, _, err := serverSays(t, server, hello)
	if err == nil {
		return
	}
	// What a certificate is chosen by is looked at behind ServerHello, so the
	// alert that none fits is encrypted.
	var e *Error
	alone := len(out) == 7 && out[0] == byte(iana.ContentAlert)
	if !errors.As(err, &e) || e.Fault == FaultLocal || !alone && (e.Fault != FaultIncompatible || out[0] != byte(iana.ContentHandshake)) {
		t.Errorf("%x, %v", out, err)
	}
}
