package engine

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// must fails for an error of what a test needs.
func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// quicHello returns a client's side and its ClientHello.
func quicHello(t *testing.T) (*ownQUIC, *wire.ClientHello) {
	t.Helper()
	client, _ := quicConfigs(t)
	c := newOwnQUIC(t, client, true, QUICOptions{TransportParameters: []byte{}})
	must(t, c.start())
	hello, err := wire.ParseClientHello(c.out[0].data[wire.HeaderLen:])
	must(t, err)
	return c, hello
}

// TestQUICServerRefuses: what a ClientHello of QUIC must have and must not have.
func TestQUICServerRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*wire.ClientHello)
		code   uint64
	}{
		{"nothing wrong", func(*wire.ClientHello) {}, 0},
		{"no transport parameters (RFC 9001, Section 8.2)",
			func(h *wire.ClientHello) { h.QUICTransportParameters = nil }, 0x016d},
		{"a session ID (Section 8.4)",
			func(h *wire.ClientHello) { h.SessionID = make([]byte, 32) }, 0x0a},
		{"no ALPN (Section 8.1)", func(h *wire.ClientHello) { h.ALPN = nil }, 0x0178},
		{"another protocol (Section 8.1)",
			func(h *wire.ClientHello) { h.ALPN = []string{"h2"} }, 0x0178},
		{"TLS 1.2 alone (Section 4.2)",
			func(h *wire.ClientHello) { h.SupportedVersions = []iana.Version{iana.TLS12} }, 0x0146},
		{"no key share", func(h *wire.ClientHello) { h.KeyShares = nil }, 0x016d},
		{"a limit for records, which there are none of",
			func(h *wire.ClientHello) { h.RecordSizeLimit = 64 }, 0},
	} {
		_, hello := quicHello(t)
		test.change(hello)
		raw, err := encode(hello)
		must(t, err)
		_, server := quicConfigs(t)
		s := newOwnQUIC(t, server, false, QUICOptions{})
		err = s.handle(quicFrame{QUICInitial, raw})
		if got := QUICErrorCode(err); got != test.code {
			t.Errorf("%s: code %#x, want %#x: %v", test.name, got, test.code, err)
		}
		if test.code != 0 && (s.Start() == nil || s.HandleData(QUICInitial, raw) == nil ||
			s.SendTicket(QUICTicket{}) == nil || s.Resume(Answer{}) == nil) {
			t.Errorf("%s: the connection is not over", test.name)
		}
	}
}

// TestQUICClientRefuses: what a server's EncryptedExtensions must have.
func TestQUICClientRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(c, s *ownQUIC) error // when the server is asked for its parameters
		code   uint64
	}{
		{"no transport parameters (RFC 9001, Section 8.2)", func(_, s *ownQUIC) error {
			return s.Resume(Answer{to: s.asked})
		}, 0x016d},
		{"no ALPN (Section 8.1)", func(_, s *ownQUIC) error {
			s.recv.cfg.ALPN = nil
			return s.SetTransportParameters(nil)
		}, 0x0178},
		{"a protocol that was not offered (Section 8.1)", func(c, s *ownQUIC) error {
			c.recv.state.(*awaitServerHello).hello.ALPN = []string{"other"}
			return s.SetTransportParameters(nil)
		}, 0x0178},
		{"empty transport parameters", func(_, s *ownQUIC) error {
			return s.SetTransportParameters(nil)
		}, 0},
	} {
		client, server := quicConfigs(t)
		c := newOwnQUIC(t, client, true, QUICOptions{TransportParameters: []byte("x")})
		s := newOwnQUIC(t, server, false, QUICOptions{})
		must(t, c.start(), s.HandleData(QUICInitial, c.out[0].data), test.change(c, s), s.drain())
		c.out = nil
		err := pumpQUIC(c, s, 1<<20)
		if code := QUICErrorCode(err); code != test.code || test.code == 0 && c.params == nil {
			t.Errorf("%s: code %#x, want %#x: %v", test.name, code, test.code, err)
		}
	}
}

// TestQUICAfterHandshake: the messages after the handshake that QUIC does not have.
func TestQUICAfterHandshake(t *testing.T) {
	ticket := func(early uint32) func(*ownQUIC) encoder {
		return func(*ownQUIC) encoder {
			return &wire.NewSessionTicket{Lifetime: 60, Ticket: []byte("t"), MaxEarlyData: &early}
		}
	}
	for _, test := range []struct {
		name     string
		toClient bool
		message  func(*ownQUIC) encoder
		code     uint64
	}{
		{"KeyUpdate to the client (RFC 9001, Section 6)", true,
			func(*ownQUIC) encoder { return &wire.KeyUpdate{} }, 0x010a},
		{"KeyUpdate to the server", false,
			func(*ownQUIC) encoder { return &wire.KeyUpdate{} }, 0x010a},
		{"CertificateRequest (Section 4.4)", true, func(*ownQUIC) encoder {
			return &wire.CertificateRequest{
				Context: []byte{1}, SignatureAlgorithms: defaultSchemes,
			}
		}, 0x0a},
		{"a ticket with a limit (Section 4.6.1)", true, ticket(1 << 14), 0x0a},
		{"a ticket with no limit", true, ticket(quicEarlyData), 0},
		{"a ticket to the server", false, ticket(quicEarlyData), 0x010a},
	} {
		client, server := quicConfigs(t)
		client.PostHandshakeAuth = true
		c, s := newQUICPair(t, client, server)
		openQUIC(t, c, s)
		to := s
		if test.toClient {
			to = c
		}
		raw, err := encode(test.message(to))
		must(t, err)
		err = to.handle(quicFrame{QUICApplication, raw})
		if code := QUICErrorCode(err); code != test.code {
			t.Errorf("%s: code %#x, want %#x: %v", test.name, code, test.code, err)
		}
	}
	_, hello := quicHello(t)
	if hello.PostHandshakeAuth || len(hello.SessionID) > 0 || len(hello.SupportedVersions) != 1 ||
		hello.RecordSizeLimit != 0 {
		t.Errorf("%+v", hello)
	}
}

// TestQUICLevels: messages stay at their levels. RFC 9001, Sections 4.1.3 and 8.3.
func TestQUICLevels(t *testing.T) {
	client, server := quicConfigs(t)
	want := func(what string, code uint64, err error) {
		t.Helper()
		if got := QUICErrorCode(err); err == nil || got != code {
			t.Errorf("%s: code %#x, want %#x: %v", what, got, code, err)
		}
	}
	c, s := newQUICPair(t, client, server)
	must(t, c.start())
	hello := c.out[0].data
	if err := s.HandleData(QUICHandshake, hello); err == nil || s.recv.err != nil {
		t.Error("data of a level that has no secret is a mistake of the caller's:", err)
	}
	want("a CRYPTO frame in a 0-RTT packet", 0x0a, s.HandleData(QUICEarly, hello))

	_, s = newQUICPair(t, client, server)
	want("bytes behind the ClientHello", 0x0a,
		s.handle(quicFrame{QUICInitial, append(bytes.Clone(hello), 0)}))

	c, s = newQUICPair(t, client, server)
	must(t, c.start(), s.handle(c.out[0]))
	want("bytes behind the ServerHello", 0x0a,
		c.handle(quicFrame{QUICInitial, append(bytes.Clone(s.out[0].data), 1, 0, 0)}))

	c, s = newQUICPair(t, client, server)
	openQUIC(t, c, s)
	must(t, c.HandleData(QUICHandshake, nil))
	want("more of the Initial level", 0x0a, c.HandleData(QUICInitial, []byte{1}))
	want("more of the Handshake level", 0x0a, s.HandleData(QUICHandshake, []byte{1}))

	c, s = newQUICPair(t, client, server)
	must(t, c.start(), s.handle(c.out[0]), c.handle(s.out[0]))
	for _, f := range s.out[1 : len(s.out)-1] {
		must(t, c.handle(f))
	}
	last := s.out[len(s.out)-1]
	want("bytes behind Finished", 0x0a,
		c.handle(quicFrame{last.level, append(bytes.Clone(last.data), 4)}))
}

// TestQUICBounds: messages and what comes before an answer are bounded.
func TestQUICBounds(t *testing.T) {
	client, server := quicConfigs(t)
	_, s := newQUICPair(t, client, server)
	long := []byte{byte(iana.HandshakeClientHello), 1, 0, 1} // 65,537 bytes
	if err := s.HandleData(QUICInitial, long); QUICErrorCode(err) != 0x012f {
		t.Error("a long message:", err)
	}
	client.Verifier = pendingVerifier{}
	c, s := newQUICPair(t, client, server)
	must(t, s.start(), c.start(), pumpQUIC(c, s, 1<<20))
	if c.question == nil {
		t.Fatal("no question")
	}
	var err error
	for n := 0; err == nil && n < 1<<20; n += 1 << 10 {
		err = c.HandleData(QUICHandshake, make([]byte, 1<<10))
	}
	if QUICErrorCode(err) != 0x0d {
		t.Error("a flood before the answer:", err)
	}
	if len(c.recv.fragment) > 0 {
		t.Error("the flood is kept")
	}
	c, s = newQUICPair(t, client, server)
	must(t, s.start(), c.start(), pumpQUIC(c, s, 1<<20))
	if err := c.Resume(Refuse(errors.New("no"))); err == nil || QUICErrorCode(err) != 0x012a {
		t.Error("a refusal:", QUICErrorCode(err), err)
	}
}

// TestQUICConfig: what is not for QUIC is refused before a connection begins.
func TestQUICConfig(t *testing.T) {
	for name, change := range map[string]func(*config){
		"no ALPN":           func(c *config) { c.ALPN = nil },
		"TLS 1.2":           func(c *config) { c.MaxVersion = iana.TLS12 },
		"CCM_8":             func(c *config) { c.CipherSuites = ccm13 },
		"suites of TLS 1.2": func(c *config) { c.CipherSuites = suites.Default12() },
	} {
		client, server := quicConfigs(t)
		change(client)
		change(server)
		if _, err := QUICClient(&client.Config, client.Target, QUICOptions{}); err == nil {
			t.Errorf("%s: a client", name)
		}
		if _, err := QUICServer(&server.Config, QUICOptions{}); err == nil {
			t.Errorf("%s: a server", name)
		}
	}
	if _, err := QUICClient(nil, Target{}, QUICOptions{}); err == nil {
		t.Error("a client without a Config")
	}
	if _, err := QUICServer(nil, QUICOptions{}); err == nil {
		t.Error("a server without a Config")
	}
	client, _ := quicConfigs(t)
	c := newOwnQUIC(t, client, true, QUICOptions{})
	if err := c.HandleData(QUICInitial, []byte{2}); err == nil {
		t.Error("HandleData before Start")
	}
	if err := c.Start(); err == nil {
		t.Error("a client without transport parameters")
	}
	must(t, c.SetTransportParameters(nil), c.Start())
	if c.SetTransportParameters(nil) == nil || c.Start() == nil {
		t.Error("set, or started, twice")
	}
	refused := c.Abort(local("a port is closed", nil))
	if QUICErrorCode(refused) != 0x0150 || c.HandleData(QUICInitial, []byte{2}) == nil {
		t.Error("Abort:", refused)
	}
	if QUICErrorCode(nil) != 0 || QUICErrorCode(errors.New("x")) != 0x0150 {
		t.Error("the codes of no error, and of any")
	}
}

// TestTransportParametersAreOfQUIC: over TCP the extension is refused, also by a server of
// TLS 1.2. RFC 9001, Section 8.2.
func TestTransportParametersAreOfQUIC(t *testing.T) {
	_, hello := quicHello(t)
	raw, err := encode(hello)
	must(t, err)
	_, server := quicConfigs(t)
	for _, most := range []iana.Version{iana.TLS13, iana.TLS12} {
		server.MaxVersion = most
		r, _, err := startServer(server)
		must(t, err)
		record := append([]byte{22, 3, 1, byte(len(raw) >> 8), byte(len(raw))}, raw...)
		_, _, err = r.Receive(record)
		var e *Error
		if !errors.As(err, &e) || e.Alert != iana.AlertUnsupportedExtension {
			t.Errorf("up to %v: %v", most, err)
		}
	}
	answer := []iana.ExtensionType{iana.ExtQUICTransportParameters}
	c := &offer{hello: &wire.ClientHello{}}
	if err := c.checkExtensions("x", answer, answer...); err == nil {
		t.Error("a client takes them over TCP")
	}
}

// FuzzQUICConn gives both sides handshake bytes from anyone, at any level: before a handshake,
// while a question waits, and after it. Nothing panics; an error is final; what is kept is
// bounded.
func FuzzQUICConn(f *testing.F) {
	client, server := fuzzConfigs(f)
	client.ALPN, server.ALPN = []string{"h3"}, []string{"h3"}
	c, s := newQUICPair(f, client, server)
	for _, o := range []*ownQUIC{c, s} {
		o.onEvent = func(ev QUICEvent) {
			if ev.Kind == QUICWriteData {
				f.Add(o == s, uint8(ev.Level), bytes.Clone(ev.Data))
			}
		}
	}
	must(f, s.start(), c.start(), pumpQUIC(c, s, 1<<20))
	f.Fuzz(func(t *testing.T, toClient bool, level uint8, in []byte) {
		waiting := *client
		waiting.Verifier = pendingVerifier{}
		for _, of := range []*config{client, &waiting} {
			for _, pumped := range []bool{false, true} {
				c, s := newQUICPair(t, of, server)
				must(t, s.start(), c.start())
				if pumped {
					must(t, pumpQUIC(c, s, 1<<20))
				}
				to := s
				if toClient {
					to = c
				}
				for _, part := range [][]byte{in[:len(in)/2], in[len(in)/2:]} {
					before := to.recv.err
					err := to.handle(quicFrame{QUICLevel(level), part})
					if before != nil && err == nil && len(part) > 0 {
						t.Fatal("an error is not final")
					}
				}
				if n := len(to.recv.fragment); n > 2*maxHandshakeMessage {
					t.Fatalf("%d bytes are kept", n)
				}
			}
		}
	})
}

// TestQUICECHRejected: a server that cannot decrypt the inner ClientHello gives the client its
// present keys, for which both need a protocol in the outer one too.
func TestQUICECHRejected(t *testing.T) {
	client, server := quicConfigs(t)
	client.ECHConfigs = echConfigs(t, newECHKey(t, 1))
	server.ECHKeys = []*ECHKey{newECHKey(t, 2)}
	c, s := newQUICPair(t, client, server)
	must(t, s.start(), c.start())
	var rejected *ECHRejectedError
	if err := pumpQUIC(c, s, 1<<20); !errors.As(err, &rejected) || len(rejected.RetryConfigs) == 0 ||
		QUICErrorCode(err) != 0x0179 {
		t.Fatal(QUICErrorCode(err), err)
	}
	client.ECHConfigs = rejected.RetryConfigs
	c, s = newQUICPair(t, client, server)
	openQUIC(t, c, s)
	if !c.State().ECHAccepted || !s.State().ECHAccepted {
		t.Error("not accepted")
	}
}
