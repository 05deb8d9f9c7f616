package engine

import (
	"bytes"
	"crypto"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// TestServerRefusesHello13 changes a ClientHello. RFC 9846, Sections 4.1.2, 4.2.8 and
// 9.2.
func TestServerRefusesHello13(t *testing.T) {
	x25519, p256 := iana.X25519, iana.SecP256r1
	for _, c := range []struct {
		name   string
		change func(*wire.ClientHello)
		alert  iana.Alert
		words  string
	}{
		{"compression too", func(h *wire.ClientHello) { h.CompressionMethods = []byte{0, 1} },
			iana.AlertIllegalParameter, "compression"},
		{"compression alone", func(h *wire.ClientHello) { h.CompressionMethods = []byte{1} },
			iana.AlertIllegalParameter, "compression"},
		{"no signature_algorithms", func(h *wire.ClientHello) { h.SignatureAlgorithms = nil },
			iana.AlertMissingExtension, "signature_algorithms"},
		{"no supported_groups", func(h *wire.ClientHello) { h.SupportedGroups = nil },
			iana.AlertMissingExtension, "supported_groups"},
		{"no key_share", func(h *wire.ClientHello) { h.KeyShares = nil },
			iana.AlertMissingExtension, "key_share"},
		{"a share for a group that is not offered", func(h *wire.ClientHello) {
			h.SupportedGroups = []iana.NamedGroup{p256}
		}, iana.AlertIllegalParameter, "which is not offered"},
		{"no group in common", func(h *wire.ClientHello) {
			h.SupportedGroups, h.KeyShares = []iana.NamedGroup{iana.X448}, []wire.KeyShare{}
		}, iana.AlertHandshakeFailure, "no key exchange group in common"},
		{"no suite in common", func(h *wire.ClientHello) { h.CipherSuites = []iana.CipherSuite{0x1305} },
			iana.AlertHandshakeFailure, "no cipher suite in common"},
		{"no version in common", func(h *wire.ClientHello) {
			h.SupportedVersions = []iana.Version{0x7f17}
		}, iana.AlertProtocolVersion, "no version"},
		{"no protocol in common", func(h *wire.ClientHello) { h.ALPN = []string{"z"} },
			iana.AlertNoApplicationProtocol, ""},
		{"a wrong share", func(h *wire.ClientHello) { h.KeyShares[0].Data = make([]byte, 32) },
			iana.AlertIllegalParameter, "'s key share is invalid"},
		{"a short share", func(h *wire.ClientHello) { h.KeyShares[0].Data = make([]byte, 31) },
			iana.AlertIllegalParameter, "'s key share is invalid"},
		{"a point off the curve", func(h *wire.ClientHello) {
			h.SupportedGroups = []iana.NamedGroup{p256}
			h.KeyShares = []wire.KeyShare{{Group: p256, Data: append([]byte{4}, make([]byte, 64)...)}}
		}, iana.AlertIllegalParameter, "'s key share is invalid"},
		{"two shares for a group", func(h *wire.ClientHello) {
			h.SupportedGroups = []iana.NamedGroup{x25519}
			h.KeyShares = []wire.KeyShare{h.KeyShares[0], h.KeyShares[0]}
		}, iana.AlertIllegalParameter, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := pair13(t)
			s := newServer(t, server)
			s.in = handMade(t, client, c.change)
			_, err := s.step()
			refusesFor(t, err, c.alert, c.words)
		})
	}
}

// TestServerRefusesPSK13 changes what a ClientHello offers of pre-shared keys. RFC
// 9846, Section 4.2.11.
func TestServerRefusesPSK13(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(hello *wire.ClientHello, raw []byte) []byte
		alert  iana.Alert
		words  string
	}{
		{"as it is", nil, 0, ""},
		{"another binder", func(_ *wire.ClientHello, raw []byte) []byte {
			raw[len(raw)-1] ^= 1
			return raw
		}, iana.AlertDecryptError, "binder"},
		{"something else before the binders", func(_ *wire.ClientHello, raw []byte) []byte {
			raw[wire.HeaderLen+2] ^= 1 // the random value
			return raw
		}, iana.AlertDecryptError, "binder"},
		{"fewer binders", func(h *wire.ClientHello, _ []byte) []byte {
			h.PSK.Identities = append(h.PSK.Identities, h.PSK.Identities[0])
			return appended(t, h)
		}, iana.AlertIllegalParameter, "binders"},
		{"more binders", func(h *wire.ClientHello, _ []byte) []byte {
			h.PSK.Binders = append(h.PSK.Binders, h.PSK.Binders[0])
			return appended(t, h)
		}, iana.AlertIllegalParameter, "binders"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := resumable(t)
			cs, ss := newPair(t, client, server)
			err := rewrittenPair(cs, ss, false, func(raw []byte) []byte {
				if iana.HandshakeType(raw[0]) != iana.HandshakeClientHello || c.change == nil {
					return raw
				}
				h, err := wire.ParseClientHello(bytes.Clone(raw[wire.HeaderLen:]))
				if err != nil {
					t.Fatal(err)
				}
				return c.change(h, raw)
			})
			if c.change == nil {
				if err != nil || !ss.r.State().Resumed {
					t.Errorf("not resumed: %v", err)
				}
				return
			}
			refusesFor(t, err, c.alert, c.words)
		})
	}
}

func appended(t *testing.T, m wireMessage) []byte {
	t.Helper()
	raw, err := m.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestServerKeepsToModes13: a server uses a key only in a mode that the client lists and
// that its own configuration allows. RFC 9846, Section 4.2.9.
func TestServerKeepsToModes13(t *testing.T) {
	ke, dhe := iana.PSKKE, iana.PSKDHEKE
	for _, c := range []struct {
		modes      []iana.PSKMode
		alone      bool // the server allows psk_ke
		psk, share bool
	}{
		{[]iana.PSKMode{dhe}, false, true, true},
		{[]iana.PSKMode{dhe}, true, true, true},
		{[]iana.PSKMode{ke}, false, false, true},
		{[]iana.PSKMode{ke}, true, true, false},
		{[]iana.PSKMode{7}, true, false, true},
		{[]iana.PSKMode{ke, dhe}, false, true, true},
	} {
		client, server := resumable(t)
		server.PSKWithoutDHE = c.alone
		s := newServer(t, server)
		s.in = handMade(t, client, func(h *wire.ClientHello) { h.PSKModes = c.modes })
		out, err := s.step()
		if err != nil {
			t.Fatalf("modes %v: %v", c.modes, err)
		}
		sh := firstServerHello(t, out)
		if psk, share := sh.SelectedPSK != nil, sh.KeyShare != nil; psk != c.psk || share != c.share {
			t.Errorf("modes %v, psk_ke allowed %v: key %v, share %v", c.modes, c.alone, psk, share)
		}
	}
}

// TestEarlyDataKey13: 0-RTT data is accepted with the first key alone. RFC 9846,
// Section 4.2.10.
func TestEarlyDataKey13(t *testing.T) {
	psk := NewPSK([]byte("device"), []byte("secret"))
	psk.MaxEarlyData, psk.ALPN = 1000, "x"
	psk.CipherSuite = iana.TLS_AES_128_GCM_SHA256
	client, server := resumable(t)
	suite := []iana.CipherSuite{psk.CipherSuite}
	client.EarlyData, client.PSKs, client.CipherSuites = true, []*PSK{psk}, suite
	server.Tickets = newMemory() // does not have the session, which is the first key
	server.FindPSK = func(id []byte) (*PSK, error) {
		if bytes.Equal(id, psk.Identity) {
			return psk, nil
		}
		return nil, nil
	}
	c, s := newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	if string(s.r.State().PSKIdentity) != "device" || s.r.State().EarlyData {
		t.Errorf("identity %q, early data %v", s.r.State().PSKIdentity, s.r.State().EarlyData)
	}
}

// TestEarlyDataAge13: the age that the client sends and the age that the server computes
// must agree. RFC 9846, Section 8.3.
func TestEarlyDataAge13(t *testing.T) {
	for late, accepted := range map[time.Duration]bool{
		0: true, clockSkew: true, clockSkew + time.Second: false, -clockSkew - time.Second: false,
	} {
		client, server := resumable(t)
		client.EarlyData = true
		base := client.Now()
		client.Now = func() time.Time { return base.Add(time.Hour) }
		server.Now = func() time.Time { return base.Add(time.Hour + late) }
		c, s := newPair(t, client, server)
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		if s.r.State().EarlyData != accepted {
			t.Errorf("%v apart: accepted %v", late, !accepted)
		}
	}
}

// TestSkippedEarlyDataIsBounded13: refused 0-RTT data is passed over up to a bound,
// before and after a HelloRetryRequest. RFC 9846, Section 4.2.10.
func TestSkippedEarlyDataIsBounded13(t *testing.T) {
	for _, retry := range []bool{false, true} {
		client, server := resumable(t)
		client.EarlyData, server.AntiReplay, server.MaxEarlyData = true, nil, 0
		if retry {
			client.KeyShares = []iana.NamedGroup{}
		}
		c, s := newPair(t, client, server)
		hello, err := c.step()
		if err != nil {
			t.Fatal(err)
		}
		s.in = hello
		rec := record.AppendHeader(nil, iana.ContentApplicationData, iana.TLS12, 1019)
		rec = append(rec, make([]byte, 1019)...)
		for n := 0; ; n += len(rec) {
			_, err := s.step()
			if n <= minSkip-len(rec) && err != nil {
				t.Fatalf("retry %v: after %d bytes: %v", retry, n, err)
			}
			if err != nil {
				refusesFor(t, err, iana.AlertUnexpectedMessage, "rejected early data exceeds the limit")
				break
			}
			if n > 2*minSkip {
				t.Fatalf("retry %v: %d bytes are passed over", retry, n)
			}
			s.in = append(s.in, rec...)
		}
	}
}

// TestFragments13: nothing may come between the parts of a message, and no message may
// run over a change of keys. RFC 9846, Section 5.1.
func TestFragments13(t *testing.T) {
	between := map[string]func(t *testing.T, e *side) []byte{
		"an alert": func(t *testing.T, e *side) []byte {
			return e.seal(t, iana.ContentAlert, []byte{1, byte(iana.AlertUserCanceled)})
		},
		"data": func(t *testing.T, e *side) []byte {
			return e.seal(t, iana.ContentApplicationData, []byte("data"))
		},
	}
	for name, other := range between {
		client, server := pair13(t)
		c, s := connect(t, client, server)
		s.in = c.seal(t, iana.ContentHandshake, []byte{byte(iana.HandshakeKeyUpdate), 0})
		s.in = append(s.in, other(t, c)...)
		s.in = append(s.in, c.seal(t, iana.ContentHandshake, []byte{0, 1, 0})...)
		_, err := s.step()
		refusesFor(t, err, iana.AlertUnexpectedMessage, "inside a handshake message")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	for _, typ := range []iana.HandshakeType{iana.HandshakeFinished, iana.HandshakeServerHello} {
		client, server := pair13(t)
		byServer := typ == iana.HandshakeServerHello
		err := rewritten(t, client, server, byServer, func(raw []byte) []byte {
			if iana.HandshakeType(raw[0]) == typ {
				raw = append(raw, byte(iana.HandshakeKeyUpdate))
			}
			return raw
		})
		refusesFor(t, err, iana.AlertUnexpectedMessage, "a handshake message continues after a key change or the end of the peer's flight")
	}
}

// TestTicketLifetime13: no ticket is made, taken or used for more than seven days. RFC
// 9846, Section 4.6.1.
func TestTicketLifetime13(t *testing.T) {
	client, server := resumable(t)
	client.Session, server.TicketLifetime = nil, 30*24*time.Hour
	c, s := newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	if got := c.sessions[0].Lifetime; got != maxLifetime {
		t.Errorf("a ticket for %v", got)
	}
	// The bound on the time since the peer proved itself is as long: the two below are
	// about the bound on tickets alone.
	if got := server.ticketLifetime(); got != maxLifetime {
		t.Errorf("tickets for %v", got)
	}
	epoch := time.Unix(0, 0)
	long := Session{
		Created: epoch, Authenticated: epoch.Add(clockSkew), Lifetime: 30 * 24 * time.Hour,
	}
	if !long.Expired(time.Unix(7*24*3600, 0)) || long.Expired(time.Unix(7*24*3600-1, 0)) {
		t.Error("a session does not end after seven days")
	}
	for lifetime, alert := range map[uint32]iana.Alert{604800: 0, 604801: iana.AlertIllegalParameter} {
		c, s = newPair(t, client, server)
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		ticket := &wire.NewSessionTicket{Lifetime: lifetime, Nonce: []byte{9}, Ticket: []byte("x")}
		c.in = s.seal(t, iana.ContentHandshake, appended(t, ticket))
		_, err := c.step()
		if alert == 0 && err != nil {
			t.Error(err)
		} else if alert != 0 {
			refusesFor(t, err, alert, "seven days")
		}
	}
}

// TestTicketNonces13: each ticket of a connection has a nonce, a secret and an age of
// its own. RFC 9846, Section 4.6.1.
func TestTicketNonces13(t *testing.T) {
	client, server := resumable(t)
	client.Session = nil
	c, s := newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	if a, b := c.sessions[0], c.sessions[1]; bytes.Equal(a.secret.bytes(), b.secret.bytes()) || a.ageAdd == b.ageAdd {
		t.Error("two tickets have the same secret or age_add")
	}
}

// spentSealer is a Sealer whose key has few records left.
type spentSealer struct {
	record.Sealer
	left uint64
}

func (s spentSealer) Left() uint64 { return s.left }

// TestKeysChangeInTime13: the key changes before it has protected all it may, and after
// MaxRecordsPerKey records. RFC 9846, Section 5.5.
func TestKeysChangeInTime13(t *testing.T) {
	for left, changes := range map[uint64]bool{reserve + 1: false, reserve: true, 1: true} {
		client, server := pair13(t)
		c, s := connect(t, client, server)
		before := c.s.traffic.Bytes()
		c.s.sealer = spentSealer{c.s.sealer, left}
		send(t, c, s, "over")
		if got := !bytes.Equal(c.s.traffic.Bytes(), before); got != changes {
			t.Errorf("%d records left: the key changes: %v", left, got)
		}
	}
	client, server := pair13(t)
	client.MaxRecordsPerKey = 3
	updates := 0
	server.Trace = func(tr Trace) {
		if !tr.Sent && tr.Type == iana.ContentHandshake && tr.Data[0] == byte(iana.HandshakeKeyUpdate) {
			updates++
		}
	}
	c, s := connect(t, client, server) // sends one record
	for range 8 {
		send(t, c, s, "over")
	}
	if updates != 2 {
		t.Errorf("%d key updates for 9 records, want one after each 3", updates)
	}
}

// TestKeyUpdateIsAnswered13: a request for a change of keys is answered with one, before
// the next data; a change that asks for none is not. RFC 9846, Section 4.6.3.
func TestKeyUpdateIsAnswered13(t *testing.T) {
	for _, both := range []bool{false, true} {
		client, server := pair13(t)
		c, s := connect(t, client, server)
		before := s.s.traffic.Bytes()
		out, err := c.s.Rekey(nil, both)
		if err != nil {
			t.Fatal(err)
		}
		s.in = out
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		if got := !bytes.Equal(s.s.traffic.Bytes(), before); got != both {
			t.Errorf("asked for %v, the other side changed its key: %v", both, got)
		}
		send(t, s, c, "data")
	}
}

// TestBinderLabels13: each kind of pre-shared key has its label. RFC 9846, Section
// 4.2.11.2; RFC 9258, Section 5.2.
func TestBinderLabels13(t *testing.T) {
	psk := NewPSK([]byte("device"), []byte("secret"))
	imported, err := psk.Import(nil, crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	client, _ := resumable(t)
	for want, k := range map[keys.BinderLabel]*presharedKey{
		"ext binder": psk.preshared(), "imp binder": imported.preshared(),
		"res binder": client.Session.preshared(client.Now()),
	} {
		if k.label != want {
			t.Errorf("label %q, want %q", k.label, want)
		}
	}
	if imported.fits12() || !psk.fits12() {
		t.Error("a key that was imported for TLS 1.3 is used in TLS 1.2")
	}
}

// TestOwnHello13 looks at a default ClientHello. RFC 9846, Sections 4.1.2, 4.2.3 and
// 4.2.8.
func TestOwnHello13(t *testing.T) {
	h := unsealed(t, &config{Verifier: acceptAll{}}).hello
	other := unsealed(t, &config{Verifier: acceptAll{}}).hello
	if len(h.SessionID) != 32 || bytes.Equal(h.SessionID, other.SessionID) ||
		h.Random == other.Random {
		t.Error("the session ID and the random value are not 32 bytes, new each time")
	}
	if h.LegacyVersion != iana.TLS12 || !bytes.Equal(h.CompressionMethods, []byte{0}) {
		t.Errorf("legacy_version %v, compression %v", h.LegacyVersion, h.CompressionMethods)
	}
	for _, id := range []iana.SignatureScheme{iana.ECDSAWithSHA1, iana.RSAPKCS1WithSHA1} {
		if slices.Contains(h.SignatureAlgorithms, id) {
			t.Errorf("%v is offered", id)
		}
	}
	for _, s := range h.KeyShares {
		if !slices.Contains(h.SupportedGroups, s.Group) {
			t.Errorf("a share for %v, which is not offered", s.Group)
		}
	}
	two := &config{Verifier: acceptAll{}, Groups: []iana.NamedGroup{iana.X25519}}
	two.KeyShares = []iana.NamedGroup{iana.SecP256r1, iana.X25519}
	if got := unsealed(t, two).hello.KeyShares; len(got) != 1 || got[0].Group != iana.X25519 {
		t.Errorf("%d shares, want one for the group that is offered", len(got))
	}
	bare := &config{Verifier: acceptAll{}, NoCompatibilityMode: true, MinVersion: iana.TLS13}
	if len(unsealed(t, bare).hello.SessionID) != 0 {
		t.Error("there is a session ID without compatibility mode")
	}
}

// TestLateRequestIsRefused13: a request for a certificate after the handshake needs a
// context, and a client that offered to answer. RFC 9846, Sections 4.3.2 and 4.6.2.
func TestLateRequestIsRefused13(t *testing.T) {
	for _, c := range []struct {
		offered bool
		context string
		alert   iana.Alert
	}{
		{true, "x", 0}, {true, "", iana.AlertIllegalParameter}, {false, "x", iana.AlertUnexpectedMessage},
	} {
		client, server := pair13(t)
		client.PostHandshakeAuth, server.Verifier = c.offered, acceptAll{}
		cs, ss := connect(t, client, server)
		request := &wire.CertificateRequest{
			Context: []byte(c.context), SignatureAlgorithms: server.schemes(),
		}
		cs.in = ss.seal(t, iana.ContentHandshake, appended(t, request))
		_, err := cs.step()
		if c.alert == 0 && err != nil {
			t.Error(err)
		} else if c.alert != 0 {
			refuses(t, err, c.alert)
		}
	}
}

// TestFatalAlert13: any alert but the two closing ones ends the connection, and nothing
// is read or sent after it. RFC 9846, Section 6.2.
func TestFatalAlert13(t *testing.T) {
	for _, level := range []byte{1, 2} {
		for _, a := range []iana.Alert{iana.AlertInternalError, iana.AlertNoRenegotiation, 255} {
			client, server := pair13(t)
			c, s := connect(t, client, server)
			s.in = c.seal(t, iana.ContentAlert, []byte{level, byte(a)})
			s.in = append(s.in, c.seal(t, iana.ContentApplicationData, []byte("more"))...)
			had := len(s.data)
			_, err := s.step()
			var e *Error
			if !errors.As(err, &e) || e.Fault != FaultAlert || e.Alert != a {
				t.Errorf("level %d, %v: %v", level, a, err)
			}
			if _, err := s.step(); err == nil || len(s.data) != had {
				t.Errorf("level %d, %v: the connection goes on", level, a)
			}
		}
	}
}
