package starttls

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// pair returns the two ends of a TCP connection over loopback.
func pair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// Each protocol's two sides agree, and what follows the upgrade is left to TLS.
func TestBothSides(t *testing.T) {
	for _, name := range Protocols() {
		for _, host := range []string{"", "mail.example.com"} {
			client, server := pair(t)
			done := make(chan error, 1)
			go func() {
				err := Server(t.Context(), server, name, host)
				if err == nil {
					_, err = server.Write([]byte("behind"))
				}
				done <- err
			}()
			if err := Client(t.Context(), client, name, host); err != nil {
				t.Errorf("%s: client: %v", name, err)
				client.Close()
			}
			if err := <-done; err != nil {
				t.Errorf("%s: server: %v", name, err)
				continue
			}
			client.Write([]byte("hello"))
			for conn, want := range map[net.Conn]string{client: "behind", server: "hello"} {
				got := make([]byte, len(want))
				if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
					t.Errorf("%s: read %q behind the upgrade: %v", name, got, err)
				}
			}
		}
	}
}

// script is a connection that reads what a peer would have sent.
type script struct {
	net.Conn
	in  io.Reader
	out bytes.Buffer
}

func (s *script) Read(p []byte) (int, error)    { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error)   { return s.out.Write(p) }
func (s *script) SetDeadline(t time.Time) error { return nil }

func play(from string) *script { return &script{in: strings.NewReader(from)} }

const ready = "MORE"

// What servers send, taken from the protocols' specifications, and what becomes of it.
var servers = []struct {
	name, protocol, sent string
	refused              bool
	reason               string // "" means success
}{
	{"multi-line greeting", "smtp",
		"220-a\r\n220 b\r\n250-mx\r\n250-SIZE 1\r\n250 starttls\r\n220 go\r\n", false, ""},
	{"no STARTTLS", "smtp", "220 b\r\n250-mx\r\n250 SIZE 1\r\n", true, "does not offer"},
	{"not now", "smtp",
		"220 b\r\n250-mx\r\n250 STARTTLS\r\n454 no key\r\n", true, "did not answer with code 220"},
	{"no service", "smtp", "554 no\r\n", true, "did not answer with code 220"},
	{"two codes", "smtp", "220 b\r\n250-mx\r\n550 STARTTLS\r\n", false, "two codes"},
	{"no code", "smtp", "220 b\r\n250-mx\r\nSTARTTLS\r\n", false, "two codes"},
	{"a longer code", "smtp", "2200 b\r\n", true, "did not answer with code 220"},
	{"a longer code", "nntp", "200 hi\r\n500\r\n3820 go\r\n", true, "refused STARTTLS"},
	{"no STARTTLS", "lmtp", "220 b\r\n250 SIZE 1\r\n", true, "does not offer"},
	{"bare reply", "lmtp", "220\r\n250 STARTTLS\r\n220\r\n", false, ""},
	{"capabilities", "imap",
		"* OK hi\r\n* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK\r\na2 OK go\r\n", false, ""},
	{"authenticated", "imap", "* PREAUTH hi\r\n", true, "authenticated before TLS"},
	{"no STARTTLS", "imap",
		"* OK hi\r\n* CAPABILITY IMAP4rev1\r\na1 OK\r\n", true, "does not offer"},
	{"NO", "imap",
		"* OK\r\n* CAPABILITY STARTTLS\r\na1 OK\r\na2 NO later\r\n", true, "refused STARTTLS"},
	{"no CAPA", "pop3", "+OK\r\n-ERR\r\n+OK go\r\n", false, ""},
	{"no STLS", "pop3", "+OK\r\n+OK\r\nTOP\r\n.\r\n", true, "does not offer"},
	{"no", "pop3", "+OK\r\n+OK\r\nSTLS\r\n.\r\n-ERR no\r\n", true, "refused STLS"},
	{"quoted", "sieve", "\"SIEVE\" \"x\"\r\n\"STARTTLS\"\r\nOK\r\nOK \"go\"\r\n", false, ""},
	{"no STARTTLS", "sieve", "\"SIEVE\" \"x\"\r\nOK\r\n", true, "does not offer"},
	{"bye", "sieve", "BYE \"no\"\r\n", true, "did not greet"},
	{"no capabilities", "nntp", "201 hi\r\n500 what\r\n382 go\r\n", false, ""},
	{"no STARTTLS", "nntp", "200 hi\r\n101 list\r\nVERSION 2\r\n.\r\n", true, "does not offer"},
	{"refused", "nntp",
		"200 hi\r\n101 list\r\nSTARTTLS\r\n.\r\n580 no\r\n", true, "refused STARTTLS"},
	{"greeting of many lines", "ftp", "220-a\r\n220-b\r\n220 c\r\n234 go\r\n", false, ""},
	// The text between may have any form, RFC 959, Section 4.2.
	{"greeting of free lines", "ftp",
		"220-a\r\n Second\r\n234 third\r\n\r\n220-d\r\n220 c\r\n234 go\r\n", false, ""},
	{"other end", "ftp", "220-a\r\n230 c\r\n", false, "closed the connection"},
	{"refused", "ftp", "220 c\r\n504 no\r\n", true, "did not answer with code 234"},
	{"ping first", "irc", "PING :x\r\n:h NOTICE * :hi\r\n:h 670 * :go\r\n", false, ""},
	{"unknown", "irc", ":h 421 * STARTTLS :Unknown command\r\n", true, "refused STARTTLS"},
	{"failed", "irc", ":h 691 * :no\r\n", true, "refused STARTTLS"},
	{"available", "nats", "INFO {\"tls_available\":true}\r\n", false, ""},
	{"none", "nats", "INFO {}\r\n", true, "offers no TLS"},
	{"not NATS", "nats", "220 hi\r\n", false, "INFO"},
	{"DER", "ldap", "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00", false, ""},
	{"BER", "ldap",
		"\x30\x84\x00\x00\x00\x10\x02\x01\x01\x78\x84\x00\x00\x00\x07" +
			"\x0a\x01\x00\x04\x00\x04\x00", false, ""},
	{"unavailable", "ldap",
		"\x30\x0e\x02\x01\x01\x78\x09\x0a\x01\x34\x04\x00\x04\x02no", true, "code 52"},
	{"other answer", "ldap",
		"\x30\x0c\x02\x01\x02\x78\x07\x0a\x01\x00\x04\x00\x04\x00", false, "not the one"},
	{"huge", "ldap", "\x30\x84\x7f\xff\xff\xff", false, "65536 bytes"},
	{"yes", "postgres", "S", false, ""},
	{"no", "postgres", "N", true, "does not offer"},
	{"error", "postgres", "E", false, "S or N"},
	{"error packet", "mysql", "\x05\x00\x00\x00\xff\x10\x04no", true, "refused the connection"},
	{"no TLS", "mysql",
		"\x19\x00\x00\x00\x0a8.0\x00" + strings.Repeat("\x00", 20), true, "does not offer"},
	{"old protocol", "mysql", "\x02\x00\x00\x00\x09\x00", false, "protocol version 10"},
	{"TLS", "rdp",
		"\x03\x00\x00\x13\x0e\xd0\x00\x00\x00\x00\x00\x02\x00\x08\x00\x01\x00\x00\x00", false, ""},
	{"CredSSP", "rdp",
		"\x03\x00\x00\x13\x0e\xd0\x00\x00\x00\x00\x00\x02\x00\x08\x00\x02\x00\x00\x00",
		true, "protocol 2"},
	{"failure", "rdp",
		"\x03\x00\x00\x13\x0e\xd0\x00\x00\x00\x00\x00\x03\x00\x08\x00\x02\x00\x00\x00", true, "code 2"},
	{"old", "rdp", "\x03\x00\x00\x0b\x06\xd0\x00\x00\x00\x00\x00", true, "standard RDP security"},
	{"no features", "xmpp",
		xmppHeader("from", "h", "jabber:client") + "<stream:features/>", true, "does not offer"},
	{"failure", "xmpp",
		xmppHeader("from", "h", "jabber:client") + "<stream:features><starttls xmlns='" +
			xmppTLS + "'/></stream:features><failure xmlns='" + xmppTLS + "'/>", true, "another element"},
	{"no features", "xmpp-server",
		xmppHeader("from", "h", "jabber:server") + "<stream:features/>", true, "does not offer"},
	{"not XML", "xmpp", "220 hi\r\n", false, "closed the connection"},
}

func TestServers(t *testing.T) {
	for _, test := range servers {
		conn := play(test.sent + ready)
		err := Client(t.Context(), conn, test.protocol, "h")
		name := test.protocol + ", " + test.name
		if test.reason == "" {
			rest, _ := io.ReadAll(conn.in)
			if err != nil || string(rest) != ready {
				t.Errorf("%s: %v, and %q is left", name, err, rest)
			}
			continue
		}
		var own *Error
		if !errors.As(err, &own) || own.Refused != test.refused ||
			!strings.Contains(err.Error(), test.reason) {
			t.Errorf("%s: %v, want refused=%v and %q", name, err, test.refused, test.reason)
		}
	}
}

// A conversation that ends early is an error in every protocol and role, wherever it ends.
func TestCut(t *testing.T) {
	for _, test := range servers {
		if test.reason != "" {
			continue
		}
		for n := range len(test.sent) {
			if err := Client(t.Context(), play(test.sent[:n]), test.protocol, "h"); err == nil {
				t.Errorf("%s, %s: cut at %d, and no error", test.protocol, test.name, n)
			}
		}
	}
	for _, name := range Protocols() {
		if name == "nats" {
			continue // its client sends nothing before TLS
		}
		if err := Server(t.Context(), play(""), name, "h"); err == nil {
			t.Errorf("%s: no client, and no error", name)
		}
	}
}

// A length that does not fit an int of 32 bits is no length.
func TestNegativeLength(t *testing.T) {
	d := newDialog(play(strings.Repeat("x", 10)), "ldap", "the server")
	if b, err := d.bytes(-1); err == nil || d.left != maxTotal {
		t.Errorf("%q, %v, and %d bytes are left", b, err, d.left)
	}
}

// A peer that sends without end is stopped.
func TestEndless(t *testing.T) {
	for _, name := range Protocols() {
		for _, unit := range []string{
			"220-x\r\n", "* x\r\n", "x", "\r\n", "<", " ", "<a>", "\x30\x84\x00\xff\xff\xff",
		} {
			in := &endless{unit: []byte(unit)}
			if err := Client(t.Context(), &script{in: in}, name, "h"); err == nil {
				t.Errorf("%s: %q without end is an upgrade", name, unit)
			}
			in.read = 0
			if Server(t.Context(), &script{in: in}, name, "h"); in.read > maxTotal+1 {
				t.Errorf("%s: the server read %d bytes", name, in.read)
			}
		}
	}
}

type endless struct {
	unit []byte
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.unit[(e.read+i)%len(e.unit)]
	}
	e.read += len(p)
	return len(p), nil
}

func TestContext(t *testing.T) {
	client, _ := pair(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	time.AfterFunc(10*time.Millisecond, func() { cancel(why) })
	if err := Client(ctx, client, "smtp", ""); err != why {
		t.Errorf("the end of the context: %v", err)
	}
}

func TestNames(t *testing.T) {
	err := Client(t.Context(), play(""), "gopher", "")
	if err == nil || !strings.Contains(err.Error(), "smtp") {
		t.Errorf("an unknown protocol: %v", err)
	}
	if err := Client(t.Context(), play(""), "smtp", "a\r\nb"); err == nil {
		t.Error("a host name of two lines is accepted")
	}
	if Port("imap") != "143" || Port("gopher") != "" {
		t.Error("ports are wrong")
	}
	if !slices.IsSorted(Protocols()) {
		t.Error("the table is not sorted")
	}
}

// The peer's words are escaped in an error.
func TestReplyIsEscaped(t *testing.T) {
	err := Client(t.Context(), play("554 \x1b[2J"+strings.Repeat("x", 300)+"\r\n"), "smtp", "")
	var own *Error
	if !errors.As(err, &own) || len(own.Reply) > maxReply || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%v", err)
	}
}

func FuzzClient(f *testing.F) {
	for _, s := range servers {
		f.Add(slices.Index(Protocols(), s.protocol), s.sent)
	}
	f.Fuzz(func(t *testing.T, i int, sent string) {
		names := Protocols()
		conn := play(sent)
		if i < 0 || i >= len(names) || Client(t.Context(), conn, names[i], "h") == nil {
			return
		}
	})
}

func FuzzServer(f *testing.F) {
	asks := []string{
		"STARTTLS\r\n", "a STARTTLS\r\n", "STLS\r\n", "AUTH TLS\r\n",
		string(sslRequest), string(rdpRequest),
	}
	for i := range Protocols() {
		for _, sent := range asks {
			f.Add(i, sent)
		}
	}
	f.Fuzz(func(t *testing.T, i int, sent string) {
		if names := Protocols(); i >= 0 && i < len(names) {
			Server(t.Context(), play(sent), names[i], "h")
		}
	})
}
