package probe

import (
	"crypto/rsa"
	"io"
	"math/big"
	"net"
	"slices"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/internal/wire"
)

// A flawedServer speaks TLS 1.2 with RSA key exchange up to the client's second flight, and
// has the flaws of its flags.
type flawedServer struct {
	leaf                                          *testcert.Leaf
	heartbeat, bleeds, changes, robot, compresses bool
	cuts                                          bool // it ends its flight after ServerHello
}

// serve answers one connection.
func (f *flawedServer) serve(c net.Conn) {
	defer c.Close()
	typ, body, err := readAny(c)
	if err != nil || typ != iana.ContentHandshake || len(body) < wire.HeaderLen {
		return
	}
	h, err := wire.ParseClientHello(body[wire.HeaderLen:])
	const suite = iana.CipherSuite(0x002f) // TLS_RSA_WITH_AES_128_CBC_SHA
	switch {
	case err != nil:
		return
	case h.LegacyVersion != iana.TLS12 || h.SupportedVersions != nil:
		alert(c, iana.AlertProtocolVersion)
		return
	case !slices.Contains(h.CipherSuites, suite):
		alert(c, iana.AlertHandshakeFailure)
		return
	}
	hello := &wire.ServerHello{LegacyVersion: iana.TLS12, CipherSuite: suite}
	if f.compresses {
		hello.Compression = h.CompressionMethods[0]
	}
	if f.heartbeat {
		for _, e := range h.Unknown {
			if e.Type == extHeartbeat {
				hello.Unknown = append(hello.Unknown, e)
			}
		}
	}
	flight, _ := hello.AppendTo(nil)
	if f.cuts {
		c.Write(appendRecord(nil, iana.TLS12, flight))
		return
	}
	flight, _ = (&wire.Certificate12{Certificates: f.leaf.Chain}).AppendTo(flight)
	flight = wire.AppendHeader(flight, iana.HandshakeServerHelloDone, 0)
	c.Write(appendRecord(nil, iana.TLS12, flight))
	f.react(c)
	io.Copy(io.Discard, c)
}

// react answers the record after the flight.
func (f *flawedServer) react(c net.Conn) {
	typ, body, err := readAny(c)
	switch {
	case err != nil:
	case typ == contentHeartbeat && f.bleeds:
		c.Write(append(record.AppendHeader(nil, contentHeartbeat, iana.TLS12, 67), make([]byte, 67)...))
	case typ == contentHeartbeat:
		if typ, _, err = readAny(c); err == nil && typ == iana.ContentHandshake {
			alert(c, iana.AlertUnexpectedMessage)
		}
	case typ == iana.ContentChangeCipherSpec && f.changes:
		alert(c, iana.AlertBadRecordMAC)
	case typ == iana.ContentHandshake && f.robot && !f.rightPadding(body):
		alert(c, iana.AlertDecryptError)
	case typ == iana.ContentHandshake:
		readAny(c)
		readAny(c)
		alert(c, iana.AlertBadRecordMAC)
	default:
		alert(c, iana.AlertUnexpectedMessage)
	}
}

// rightPadding decrypts a ClientKeyExchange.
func (f *flawedServer) rightPadding(message []byte) bool {
	key := f.leaf.Key.(*rsa.PrivateKey)
	sealed := new(big.Int).SetBytes(message[wire.HeaderLen+2:])
	block := sealed.Exp(sealed, key.D, key.N).FillBytes(make([]byte, key.Size()))
	n := len(block) - 48
	return block[0] == 0 && block[1] == 2 && slices.Index(block[2:], 0) == n-3 &&
		block[n] == 3 && block[n+1] == 3
}

func alert(c net.Conn, a iana.Alert) {
	c.Write(append(record.AppendHeader(nil, iana.ContentAlert, iana.TLS12, 2), 2, byte(a)))
}

// readAny reads a record of any type.
func readAny(c net.Conn) (iana.ContentType, []byte, error) {
	head := make([]byte, record.HeaderLen)
	if _, err := io.ReadFull(c, head); err != nil {
		return 0, nil, err
	}
	h, _ := record.ParseHeader(head)
	body := make([]byte, h.Length)
	_, err := io.ReadFull(c, body)
	return h.Type, body, err
}

// listen answers each connection with serve.
func listen(t *testing.T, serve func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return l.Addr().String()
}

func verdict(r *Report, name string) string {
	for _, f := range r.Flaws {
		if f.Name == name {
			return f.Verdict
		}
	}
	return "unknown"
}

// Each flaw is found in a server that has it, and in no other.
func TestFlaws(t *testing.T) {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("rsa"), longLived, "localhost")
	for _, test := range []struct {
		name   string
		server flawedServer
		want   string
	}{
		{"none", flawedServer{heartbeat: true}, ""},
		{"Heartbleed", flawedServer{heartbeat: true, bleeds: true}, "Heartbleed"},
		{"change_cipher_spec", flawedServer{changes: true}, "early change_cipher_spec"},
		{"ROBOT", flawedServer{robot: true}, "ROBOT"},
		{"CRIME", flawedServer{compresses: true}, "CRIME"},
	} {
		test.server.leaf = leaf
		r := scan(t, listen(t, test.server.serve), ca)
		for _, flaw := range []string{"Heartbleed", "early change_cipher_spec", "ROBOT", "CRIME"} {
			want := "no"
			if flaw == test.want {
				want = "yes"
			}
			if got := verdict(r, flaw); got != want {
				t.Errorf("%s: %s: %q, want %q", test.name, flaw, got, want)
			}
		}
		if r.Heartbeat != test.server.heartbeat || len(r.Open) > 0 {
			t.Errorf("%s: heartbeats %v, open %q, unknown: %q", test.name, r.Heartbeat, r.Open, r.Unknown)
		}
		if test.want != "" && r.Grade > "F" || test.want == "CRIME" && r.Grade != "C" {
			t.Errorf("%s: grade %s", test.name, r.Grade)
		}
	}
}

// A server that returns more than the session ID that it got, and the same one in order.
func TestTicketbleed(t *testing.T) {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("rsa"), longLived, "localhost")
	id, err := identity.Parse(leaf.CertPEM(), leaf.KeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	for _, flawed := range []bool{false, true} {
		l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", &sealsock.Config{
			Identities: []*identity.Identity{id}, MaxVersion: iana.TLS12,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		serve(l)
		addr := listen(t, func(c net.Conn) { beforeServer(c, l.Addr().String(), flawed) })
		r := scan(t, addr, ca)
		want := map[bool]string{true: "yes", false: "no"}[flawed]
		if got := verdict(r, "Ticketbleed"); got != want {
			t.Errorf("%q, want %q; unknown: %q", got, want, r.Unknown)
		}
		if !slices.Contains(r.Resumption, "TLS 1.2 ticket") || r.TicketLifetime == 0 {
			t.Errorf("resumption: %q, lifetime %d", r.Resumption, r.TicketLifetime)
		}
	}
}

// beforeServer passes a connection on to a server, unless it is one that a flawed server
// answers with memory.
func beforeServer(c net.Conn, server string, flawed bool) {
	defer c.Close()
	typ, body, err := readAny(c)
	if err != nil {
		return
	}
	h, err := wire.ParseClientHello(body[min(wire.HeaderLen, len(body)):])
	if flawed && err == nil && len(h.SessionID) == 16 && len(h.SessionTicket) > 0 {
		id := append(slices.Clone(h.SessionID), make([]byte, 16)...)
		hello := &wire.ServerHello{LegacyVersion: iana.TLS12, CipherSuite: h.CipherSuites[0]}
		hello.SessionID = id
		message, _ := hello.AppendTo(nil)
		c.Write(appendRecord(nil, iana.TLS12, message))
		return
	}
	to, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer to.Close()
	to.Write(append(record.AppendHeader(nil, typ, iana.TLS10, len(body)), body...))
	go func() { io.Copy(to, c); to.Close() }()
	io.Copy(c, to)
}
