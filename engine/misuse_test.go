package engine

import (
	"bytes"
	"crypto"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// wrongUse checks that err has FaultUsage, and names the mistake.
func wrongUse(t *testing.T, err error, words string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Fault != FaultUsage || !strings.Contains(e.Error(), words) {
		t.Errorf("got %v, want a wrong use with %q", err, words)
	}
}

func TestConfigMistakes(t *testing.T) {
	cred := newCredential(t, nil)
	for _, c := range []struct {
		words  string
		server bool
		change func(*config)
	}{
		{"needs a Verifier", false, func(c *config) { c.Verifier = nil }},
		{"needs a Verifier", true, func(c *config) { c.Verifier, c.ClientAuth = nil, RequestClientCert }},
		{"needs a certificate or a pre-shared key", true, func(c *config) { c.Credentials = nil }},
		{"cipher suite", false, func(c *config) { c.CipherSuites = []iana.CipherSuite{0x0005} }},
		{"group", false, func(c *config) { c.Groups = []iana.NamedGroup{0x0001} }},
		{"group", false, func(c *config) { c.KeyShares = []iana.NamedGroup{0x0001} }},
		{"signature scheme", true, func(c *config) { c.SignatureSchemes = []iana.SignatureScheme{iana.RSAPKCS1WithSHA1} }},
		{"trailing dot", false, func(c *config) { c.ServerName = "example.com." }},
		{"record size limit", false, func(c *config) { c.RecordSizeLimit = 63 }},
		{"record size limit", true, func(c *config) { c.RecordSizeLimit = 16385 }},
		{"maximum fragment length", false, func(c *config) { c.MaxFragmentLength = 500 }},
		{"ALPN", false, func(c *config) { c.ALPN = []string{""} }},
		{"ALPN", true, func(c *config) { c.ALPN = []string{strings.Repeat("x", 256)} }},
		{"", false, func(c *config) { c.PSKs = []*PSK{{Identity: []byte("x")}} }},
		{"", false, func(c *config) { c.ECHConfigs = []byte("x") }},
		{"", false, func(c *config) { c.MinVersion, c.MaxVersion = iana.TLS13, iana.TLS12 }},
	} {
		cfg := &config{Verifier: acceptAll{}, Credentials: []*Credential{cred}}
		c.change(cfg)
		_, _, err := startClient(cfg)
		if c.server {
			_, _, err = startServer(cfg)
			wrongUse(t, cfg.CheckServer(), c.words)
		}
		wrongUse(t, err, c.words)
	}
}

// A peer's alert ends the connection, and is explained.
func TestAlertsReceived(t *testing.T) {
	named := []iana.Alert{
		iana.AlertHandshakeFailure, iana.AlertProtocolVersion, iana.AlertInsufficientSecurity, iana.AlertUnknownCA,
		iana.AlertCertificateRequired, iana.AlertCertificateExpired, iana.AlertCertificateRevoked, iana.AlertBadCertificate,
		iana.AlertUnrecognizedName, iana.AlertNoApplicationProtocol, iana.AlertUnknownPSKIdentity, iana.AlertECHRequired,
		iana.AlertDecryptError, iana.AlertBadRecordMAC,
	}
	hinted := 0
	for a := range 256 {
		alert := iana.Alert(a)
		if alert == iana.AlertCloseNotify || alert == iana.AlertUserCanceled {
			continue
		}
		c, _ := newPair(t, &config{Verifier: acceptAll{}}, &config{Credentials: []*Credential{newCredential(t, nil)}})
		if _, err := c.step(); err != nil {
			t.Fatal(err)
		}
		c.in = []byte{byte(iana.ContentAlert), 3, 3, 0, 2, 2, byte(a)}
		out, err := c.step()
		var e *Error
		if !errors.As(err, &e) || e.Fault != FaultAlert || e.Alert != alert || !strings.Contains(e.Error(), alert.String()) {
			t.Errorf("alert %v: %v", alert, err)
			continue
		}
		if len(out) > 0 {
			t.Errorf("alert %v is answered", alert)
		}
		if slices.Contains(named, alert) && e.Reason == "" {
			t.Errorf("alert %v is not explained", alert)
		}
		if e.Hint != "" {
			hinted++
		}
	}
	if hinted < 9 {
		t.Errorf("%d alerts come with advice", hinted)
	}
}

func TestFaultNames(t *testing.T) {
	seen := map[string]bool{}
	for f := FaultPeer; f <= FaultTransport+1; f++ {
		if seen[f.String()] || f.String() == "" {
			t.Errorf("fault %d is called %q", f, f)
		}
		seen[f.String()] = true
	}
}

func TestExporterMisuse(t *testing.T) {
	var none State
	_, err := none.Export("EXPORTER-x", nil, 10)
	wrongUse(t, err, "only after the handshake")
	_, err = none.Unique()
	wrongUse(t, err, "only after the handshake")
	_, err = none.ExportEarly("EXPORTER-x", nil, 10)
	wrongUse(t, err, "the early exporter needs 0-RTT data")
	for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
		client, server := pair12(t)
		client.MaxVersion, client.MinVersion = version, version
		c, _ := connect(t, client, server)
		state := c.r.State()
		for _, n := range []int{-1, 0, maxExport + 1} {
			_, err := state.Export("EXPORTER-x", nil, n)
			wrongUse(t, err, "keying material")
		}
		_, err := state.Export("EXPORTER-x", make([]byte, 1<<16), 10)
		wrongUse(t, err, "context")
		label := "master secret"
		if version == iana.TLS13 {
			label = strings.Repeat("x", 250)
			_, err = state.Unique()
			wrongUse(t, err, "tls-exporter")
		}
		_, err = state.Export(label, nil, 10)
		wrongUse(t, err, "label")
	}
}

func TestEarlyExporter(t *testing.T) {
	client, server := resumable(t)
	client.EarlyData = true
	c, s := newPair(t, client, server)
	first, err := c.step()
	if err != nil {
		t.Fatal(err)
	}
	s.in = first
	if _, err := s.step(); err != nil {
		t.Fatal(err)
	}
	cs, ss := c.r.State(), s.r.State()
	a, err := cs.ExportEarly("EXPORTER-x", []byte("c"), 20)
	b, err2 := ss.ExportEarly("EXPORTER-x", []byte("c"), 20)
	if err != nil || err2 != nil || !bytes.Equal(a, b) {
		t.Errorf("early exporters differ: %v, %v", err, err2)
	}
	_, err = cs.ExportEarly("", nil, 20)
	wrongUse(t, err, "label")
}

func TestSenderMisuse(t *testing.T) {
	c, s := newPair(t, &config{Verifier: acceptAll{}}, &config{Credentials: []*Credential{newCredential(t, nil)}})
	_, err := c.s.Seal(nil, []byte("x"))
	wrongUse(t, err, "handshake is not complete")
	_, err = c.s.Rekey(nil, true)
	wrongUse(t, err, "open TLS 1.3")
	_, err = s.s.SendTickets(nil, 1)
	wrongUse(t, err, "this connection cannot issue tickets")
	_, _, err = s.s.RequestCertificate(nil)
	wrongUse(t, err, "")
	wrongUse(t, c.r.Resume(Refuse(errors.New("no"))), "no request waits for an answer")
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	if _, err := c.s.CloseNotify(nil); err != nil {
		t.Fatal(err)
	}
	for what, f := range map[string]func() ([]byte, error){
		"Seal":        func() ([]byte, error) { return c.s.Seal(nil, []byte("x")) },
		"Rekey":       func() ([]byte, error) { return c.s.Rekey(nil, false) },
		"SendTickets": func() ([]byte, error) { return c.s.SendTickets(nil, 1) },
	} {
		if out, err := f(); !errors.Is(err, ErrClosed) || len(out) > 0 {
			t.Errorf("%s after the end: %x, %v", what, out, err)
		}
	}
	if out, err := c.s.CloseNotify(nil); err != nil || len(out) > 0 || c.s.Ready() {
		t.Errorf("closing twice: %x, %v", out, err)
	}
}

// Overhead is an upper bound for callers that reserve room.
func TestOverhead(t *testing.T) {
	for _, cfg := range []config{{}, {DynamicRecords: true}, {MaxFragmentLength: 512, DynamicRecords: true}, {MaxVersion: iana.TLS12}} {
		cfg.Verifier = acceptAll{}
		c, s := newPair(t, &cfg, &config{Credentials: []*Credential{newCredential(t, nil)}})
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, 1, 1299, 1301, 16384, 16385, 200_000} {
			out, err := c.s.Seal(nil, make([]byte, n))
			if err != nil {
				t.Fatal(err)
			}
			if grown := len(out) - n; grown > c.s.Overhead(n) {
				t.Errorf("%d bytes grow by %d, Overhead says %d", n, grown, c.s.Overhead(n))
			}
			s.in = append(s.in, out...)
			if _, err := s.step(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Several requests for new keys are answered by one. RFC 9846, Section 4.6.3.
func TestOutgoing(t *testing.T) {
	var all Outgoing
	update := Outgoing{steps: []step{{kind: stepKeyUpdate}}}
	if !all.Empty() {
		t.Error("nothing to do is not empty")
	}
	all.Add(update)
	all.Add(update)
	if len(all.steps) != 1 || all.Urgent() || all.Empty() {
		t.Errorf("two updates are %d steps, urgent %v", len(all.steps), all.Urgent())
	}
	all.Add(Outgoing{steps: []step{{kind: stepAlert}}})
	all.Add(update)
	if len(all.steps) != 3 || !all.Urgent() {
		t.Errorf("%d steps, urgent %v", len(all.steps), all.Urgent())
	}
	for kind := stepHandshake; kind <= stepConfig; kind++ {
		later := slices.Contains([]stepKind{stepKeyUpdate, stepCCS, stepKeys, stepLimit, stepPlain}, kind)
		if got := (Outgoing{steps: []step{{kind: kind}}}).Urgent(); got == later {
			t.Errorf("step %d: urgent %v", kind, got)
		}
	}
}

// TestUrgentIsEnough drives handshakes with nothing applied but what is urgent: in
// the end both sides may send, without asking for it.
func TestUrgentIsEnough(t *testing.T) {
	for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
		client, server := resumable(t)
		client.MaxVersion, client.Session = version, nil
		work := func(e, other *side, later *Outgoing) {
			var ev Event
			for ev.Kind != EventWantRead {
				n, next, err := e.r.Receive(e.in)
				if err != nil {
					t.Fatal(err)
				}
				if ev, e.in = next, e.in[n:]; ev.Kind == EventSession {
					client.Session = ev.Session
				}
				later.Add(ev.Reply)
			}
			if later.Urgent() {
				out, err := e.s.Apply(nil, *later)
				if err != nil {
					t.Fatal(err)
				}
				*later, other.in = Outgoing{}, append(other.in, out...)
			}
		}
		for _, resumed := range []bool{false, true} {
			c, s := newPair(t, client, server)
			var clients, servers Outgoing
			for range 4 {
				work(c, s, &clients)
				work(s, c, &servers)
			}
			if !c.s.Ready() || !s.s.Ready() || s.r.State().Resumed != resumed {
				t.Errorf("%v, resumed %v: ready %v and %v, %+v", version, resumed, c.s.Ready(), s.s.Ready(), s.r.State())
			}
		}
	}
}

func TestImportMisuse(t *testing.T) {
	p := NewPSK([]byte("x"), []byte("y"))
	_, err := p.Import(nil, crypto.SHA512)
	wrongUse(t, err, "SHA-256 and SHA-384")
	_, err = p.Import(make([]byte, 1<<16), crypto.SHA256)
	wrongUse(t, err, "too long")
}

// Peers that speak something else are told apart, in one piece and byte by byte.
func TestGreetings(t *testing.T) {
	for _, g := range greetings {
		for _, size := range []int{1, 100} {
			r, _, err := startServer(&config{Credentials: []*Credential{newCredential(t, nil)}})
			if err != nil {
				t.Fatal(err)
			}
			in := []byte(g.start + "and more")
			for n := size; err == nil && n < len(in)+size; n += size {
				_, _, err = r.Receive(in[:min(n, len(in))])
			}
			var e *Error
			if !errors.As(err, &e) || e.Got != g.name && !strings.HasPrefix(e.Got, "plain HTTP") || e.Hint == "" {
				t.Errorf("%q by %d: %v", g.start, size, err)
			}
		}
	}
	for _, in := range []string{"\x80\x2e\x01\x00\x02", "\x00\x00\x00\x00\x00", "?????"} {
		r, _, err := startServer(&config{Credentials: []*Credential{newCredential(t, nil)}})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = r.Receive([]byte(in))
		var e *Error
		if !errors.As(err, &e) || e.Fault != FaultPeer {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// failing is randomness that ends after some bytes.
type failing struct{ left int }

func (f *failing) Read(p []byte) (int, error) {
	if f.left < len(p) {
		return 0, io.ErrUnexpectedEOF
	}
	f.left -= len(p)
	return zeros{}.Read(p)
}

// A random source that fails must end the connection, wherever it does.
func TestRandomSourceFails(t *testing.T) {
	for _, group := range []iana.NamedGroup{iana.X25519, iana.X25519MLKEM768} {
		for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
			failures := 0
			for left := 0; left < 400; left += 8 {
				for _, client := range []bool{true, false} {
					cc := &config{Verifier: acceptAll{}, Groups: []iana.NamedGroup{group, iana.SecP256r1}, ECHGREASE: true, MaxVersion: version}
					sc := &config{Credentials: []*Credential{newCredential(t, nil)}, Tickets: newMemory(), Now: time.Now, Groups: cc.Groups}
					if client {
						cc.Rand = &failing{left}
					} else {
						sc.Rand = &failing{left}
					}
					c, s := newPair(t, cc, sc)
					err := pump(c, s)
					var e *Error
					if err != nil {
						failures++
						if !errors.As(err, &e) || e.Fault != FaultLocal && e.Fault != FaultPeer {
							t.Fatalf("%v", err)
						}
					} else if !c.done || !s.done {
						t.Fatalf("after %d bytes nothing goes on", left)
					}
				}
			}
			if failures == 0 {
				t.Error("no failure was met")
			}
		}
	}
}
