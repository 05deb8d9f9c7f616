package inspect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/internal/wire"
)

func ExampleMessage() {
	fmt.Print(Message(engine.Trace{Sent: true, Type: iana.ContentAlert, Data: []byte{1, 0}}))
	fmt.Print(Message(engine.Trace{Type: iana.ContentHandshake, Data: []byte{24, 0, 0, 1, 1}}))
	// Output:
	// > alert close_notify (warning)
	// < key_update, 1 bytes
	//     update requested       true
}

// traced returns the messages of both sides of a connection with a pre-shared
// key.
func traced(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	trace := func(tr engine.Trace) { b.WriteString(Message(tr)) }
	key := engine.NewPSK([]byte("example"), []byte("a key that both sides have"))
	cr, cs, err := engine.Client(&engine.Config{
		PSKs: []*engine.PSK{key}, ALPN: []string{"h2"}, Trace: trace,
	}, engine.Target{ServerName: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	sr, ss, err := engine.Server(&engine.Config{FindPSK: func([]byte) (*engine.PSK, error) { return key, nil }})
	if err != nil {
		t.Fatal(err)
	}
	var toServer, toClient []byte
	for range 6 {
		toServer = append(toServer, run(t, cr, cs, &toClient)...)
		toClient = append(toClient, run(t, sr, ss, &toServer)...)
	}
	if _, err := cs.CloseNotify(nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func run(t *testing.T, r *engine.Receiver, s *engine.Sender, in *[]byte) (out []byte) {
	for {
		n, ev, err := r.Receive(*in)
		if err != nil {
			t.Fatal(err)
		}
		*in = (*in)[n:]
		if out, err = s.Apply(out, ev.Reply); err != nil {
			t.Fatal(err)
		}
		if ev.Kind == engine.EventWantRead {
			return out
		}
	}
}

func TestWholeHandshake(t *testing.T) {
	got := traced(t)
	for _, want := range []string{
		"> client_hello, ", "server name            example.com", "application protocols  h2", "X25519MLKEM768",
		"< server_hello, ", "version                TLS 1.3", "pre-shared key         number 0",
		"< encrypted_extensions, ", "< finished, ", "> finished, ", "> alert close_notify",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the description lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "unreadable") {
		t.Errorf("something cannot be read:\n%s", got)
	}
}

// The messages whose format differs in TLS 1.2, and those that only TLS 1.2
// has.
func TestMessages12(t *testing.T) {
	leaf := testcert.New().Issue(testcert.NewKey("p256"), nil, "a.test", "192.0.2.1")
	appended := func(m interface {
		AppendTo([]byte) ([]byte, error)
	}) []byte {
		raw, err := m.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	rawKey, err := wire.RawKey12{0x30, 0x01, 0x02}.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	point := []byte{4, 5, 6}
	for _, test := range []struct {
		raw  []byte
		want string
	}{
		{appended(&wire.Certificate12{Certificates: leaf.Chain}), "certificate            CN=test leaf for a.test, 192.0.2.1, until "},
		{appended(&wire.Certificate{Entries: []wire.CertificateEntry{{Data: leaf.Chain[0]}}}), "certificate            CN=test leaf for a.test, 192.0.2.1, until "},
		{appended(&wire.Certificate{Entries: []wire.CertificateEntry{{Data: []byte{1, 2}}}}), "certificate            0102"},
		{rawKey, "raw public key         300102"},
		{appended(&wire.CertificateRequest12{CertificateTypes: []byte{64}, SignatureAlgorithms: []iana.SignatureScheme{iana.Ed25519}}), "signature algorithms   ed25519"},
		{appended(&wire.NewSessionTicket12{Lifetime: 7, Ticket: []byte{1}}), "lifetime               7 s"},
		{appended(&wire.CertificateStatus12{Response: []byte{9}}), "ocsp response          09"},
		{appended(&wire.ServerKeyExchange12{Group: iana.X25519, Public: point, Algorithm: iana.Ed25519, Signature: []byte{1}}), "key share              x25519, 3 bytes"},
		{appended(&wire.ServerKeyExchange12{Hint: []byte("you"), Group: iana.X25519, Public: point}), "identity hint          you"},
		{appended(&wire.ServerKeyExchange12{Hint: []byte("you")}), "identity hint          you"},
		{appended(&wire.ClientKeyExchange12{Public: point}), "key share              040506"},
		{appended(&wire.ClientKeyExchange12{Identity: []byte("me"), Public: point}), "pre-shared key         me"},
		{appended(&wire.ClientKeyExchange12{Identity: []byte("me")}), "pre-shared key         me"},
		{appended(&wire.ClientKeyExchange12{Identity: []byte{7, 0xff, 0x1b}}), "key or secret          07ff1b"},
		{appended(&wire.CompressedCertificate{Algorithm: iana.CompressionZlib, UncompressedLength: 99, Compressed: []byte{1}}), "1 bytes, compressed from 99"},
		{[]byte{byte(iana.HandshakeServerHelloDone), 0, 0, 0}, "server_hello_done, 0 bytes"},
		{[]byte{byte(iana.HandshakeServerHelloDone), 0, 0, 1, 0}, "it should be empty"},
		{[]byte{byte(iana.HandshakeServerKeyExchange), 0, 0, 1, 0}, "unreadable"},
	} {
		got := Message(engine.Trace{Type: iana.ContentHandshake, Data: test.raw})
		if !strings.Contains(got, test.want) {
			t.Errorf("the description lacks %q:\n%s", test.want, got)
		}
		if strings.Contains(got, "unreadable") && test.want != "unreadable" && test.want != "it should be empty" {
			t.Errorf("something cannot be read:\n%s", got)
		}
	}
}

// A message with many entries or long text is described in bounded space.
func TestLongMessages(t *testing.T) {
	long := []byte(strings.Repeat("a", 60000))
	hello := &wire.ClientHello{
		LegacyVersion: iana.TLS12, CipherSuites: make([]iana.CipherSuite, 1000),
		CompressionMethods: []byte{0}, Padding: -1, KeyShares: []wire.KeyShare{},
		PSKModes: []iana.PSKMode{iana.PSKDHEKE}, PSK: new(wire.OfferedPSKs),
	}
	for i := range 1000 {
		share := wire.KeyShare{Group: iana.NamedGroup(i + 1), Data: []byte{1}}
		hello.KeyShares = append(hello.KeyShares, share)
		hello.SupportedGroups = append(hello.SupportedGroups, share.Group)
		hello.ALPN = append(hello.ALPN, fmt.Sprint("a", i))
		hello.PSK.Identities = append(hello.PSK.Identities, wire.PSKIdentity{Identity: []byte{1}})
		hello.PSK.Binders = append(hello.PSK.Binders, make([]byte, 32))
	}
	entries := make([]wire.CertificateEntry, 1000)
	chain := make([][]byte, 1000)
	for i := range entries {
		entries[i].Data, chain[i] = []byte{1}, []byte{1}
	}
	for _, m := range []interface {
		AppendTo([]byte) ([]byte, error)
	}{
		hello, &wire.Certificate{Entries: entries}, &wire.Certificate12{Certificates: chain},
		&wire.ServerKeyExchange12{Hint: long}, &wire.ClientKeyExchange12{Identity: long},
	} {
		raw, err := m.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		got := Message(engine.Trace{Type: iana.ContentHandshake, Data: raw})
		if len(got) > 8<<10 || strings.Contains(got, "unreadable") {
			t.Errorf("%T: %d bytes: %s", m, len(got), got[:500])
		}
		if len(got) > 2<<10 && !strings.Contains(got, "and 960 more") {
			t.Errorf("%T: what is left out is not counted: %s", m, got)
		}
	}
}

func FuzzMessage(f *testing.F) {
	for typ := range messages {
		f.Add([]byte{byte(typ), 0, 0, 0}, uint8(iana.ContentHandshake))
	}
	f.Add([]byte{2, 40}, uint8(iana.ContentAlert))
	f.Fuzz(func(t *testing.T, data []byte, typ uint8) {
		text := Message(engine.Trace{Type: iana.ContentType(typ), Data: data})
		if !strings.HasSuffix(text, "\n") || strings.ContainsAny(text, "\x1b\r\x00") {
			t.Errorf("%q", text)
		}
	})
}

// TestDatagrams: the messages of DTLS are read as such, and their versions are those that they
// have.
func TestDatagrams(t *testing.T) {
	key := engine.NewPSK([]byte("example"), []byte("a key that both sides have"))
	find := func([]byte) (*engine.PSK, error) { return key, nil }
	for v, want := range map[iana.Version][]string{
		iana.TLS13: {"versions               DTLS 1.3\n", "version                DTLS 1.3\n",
			"this is                a HelloRetryRequest"},
		iana.TLS12: {"version                DTLS 1.2\n", "< hello_verify_request, 35 bytes"},
	} {
		var b strings.Builder
		o := engine.Options{MinVersion: v, MaxVersion: v}
		server := &engine.Config{FindPSK: find, Options: o}
		check, err := engine.NewAddressCheck(server)
		if err != nil {
			t.Fatal(err)
		}
		o.PSKs, o.Trace = []*engine.PSK{key}, func(tr engine.Trace) { b.WriteString(Message(tr)) }
		c, err := engine.DatagramClient(
			&engine.Config{Options: o}, engine.Target{}, engine.DatagramOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Start(time.Now()); err != nil {
			t.Fatal(err)
		}
		exchange(t, c, server, check)
		got := b.String()
		for _, want := range append(want, "legacy version         DTLS 1.2\n", "< finished") {
			if !strings.Contains(got, want) {
				t.Errorf("the description lacks %q:\n%s", want, got)
			}
		}
		if strings.Contains(got, "unreadable") {
			t.Errorf("something cannot be read:\n%s", got)
		}
	}
}

// exchange runs a handshake with a server that asks for a proof of the address first.
func exchange(
	t *testing.T, c *engine.DatagramConn, server *engine.Config, check *engine.AddressCheck,
) {
	t.Helper()
	_, request, _ := check.Check(time.Now(), nil, c.NextDatagram())
	if _, err := c.Receive(time.Now(), request); err != nil {
		t.Fatal(err)
	}
	second := c.NextDatagram()
	_, _, proof := check.Check(time.Now(), nil, second)
	s, err := engine.DatagramServer(server, engine.DatagramOptions{Proof: proof})
	if err != nil {
		t.Fatal(err)
	}
	for from, to, d := c, s, second; d != nil; from, to = to, from {
		for ; d != nil; d = from.NextDatagram() {
			if _, err := to.Receive(time.Now(), d); err != nil {
				t.Fatal(err)
			}
		}
		d = to.NextDatagram()
	}
}
