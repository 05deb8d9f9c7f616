package starttls

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// What clients send, and how the server answers last.
var clients = []struct {
	name, protocol, sent, answer string
	refused                      bool
	reason                       string // "" means success
}{
	{"HELO", "smtp", "HELO a\r\nEHLO a\r\nSTARTTLS\r\n", "220 Ready to start TLS\r\n", false, ""},
	{"parameters", "smtp", "EHLO a\r\nSTARTTLS now\r\nQUIT\r\n",
		"501 Syntax error (no parameters allowed)\r\n221 localhost closing connection\r\n",
		true, "ended"},
	{"QUIT", "smtp", "EHLO a\r\nQUIT\r\n", "221 localhost closing connection\r\n", true, "ended"},
	{"QUIT", "lmtp", "quit\r\n", "221 localhost closing connection\r\n", true, "ended"},
	{"tag in upper case", "imap",
		"A001 CAPABILITY\r\nA002 starttls\r\n", "A002 OK begin TLS\r\n", false, ""},
	{"tag in lower case", "imap", "a.1 STARTTLS\r\n", "a.1 OK begin TLS\r\n", false, ""},
	{"LOGIN", "imap", "A LOGIN a b\r\nB LOGOUT\r\n", "* BYE\r\nB OK done\r\n", true, "ended"},
	{"QUIT", "pop3", "USER a\r\nQUIT\r\n", "+OK bye\r\n", true, "ended"},
	{"LOGOUT", "sieve", "LOGOUT\r\n", "OK \"bye\"\r\n", true, "ended"},
	{"QUIT", "nntp", "GROUP a\r\nQUIT\r\n", "205 bye\r\n", true, "ended"},
	{"QUIT", "ftp", "USER a\r\nQUIT\r\n", "221 bye\r\n", true, "ended"},
	{"TLS-C", "ftp", "FEAT\r\nAUTH tls-c\r\n", "234 begin TLS\r\n", false, ""},
	{"QUIT", "irc", "QUIT :bye\r\n", "ERROR :bye\r\n", true, "ended"},
	{"Kerberos first", "postgres", string(gssRequest) + string(sslRequest), "NS", false, ""},
	{"Kerberos twice", "postgres", string(gssRequest) + string(gssRequest), "N", false, "SSLRequest"},
	{"a cookie before the request", "rdp",
		"\x03\x00\x00\x2a\x25\xe0\x00\x00\x00\x00\x00Cookie: mstshash=seal\r\n" +
			"\x01\x00\x08\x00\x03\x00\x00\x00", "\x02\x00\x08\x00\x01\x00\x00\x00", false, ""},
	{"CredSSP alone", "rdp",
		"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x02\x00\x00\x00", "", false, "TLS"},
	{"bind", "ldap", "\x30\x0c\x02\x01\x07\x60\x07\x02\x01\x03\x04\x00\x80\x00",
		"\x30\x0c\x02\x01\x07\x61\x07\x0a\x01\x0d\x04\x00\x04\x00", false, "LDAP message"},
	{"search", "ldap", "\x30\x05\x02\x01\x03\x63\x00",
		"\x30\x0c\x02\x01\x03\x65\x07\x0a\x01\x0d\x04\x00\x04\x00", false, "LDAP message"},
	{"abandon, unbind", "ldap", "\x30\x06\x02\x01\x03\x50\x01\x02\x30\x05\x02\x01\x04\x42\x00",
		"", true, "ended"},
	{"no TLS", "mysql", "\x04\x00\x00\x01\x00\x02\x00\x00", "", false, "did not ask for TLS"},
	{"authentication", "xmpp", xmppHeader("to", "h", "jabber:client") + "<auth/>", "features>",
		true, "another element"},
	{"dialback", "xmpp-server", xmppHeader("to", "h", "jabber:server") + "<result/>", "features>",
		true, "another element"},
	{"no TLS", "postgres", "\x00\x00\x00\x08\x00\x03\x00\x00", "", false, "SSLRequest"},
}

// Each protocol has a peer that does not upgrade, in both roles.
func TestRefusalsAreComplete(t *testing.T) {
	for _, name := range Protocols() {
		found := map[string]bool{}
		for _, s := range servers {
			found["the server"] = found["the server"] || s.protocol == name && s.refused
		}
		for _, c := range clients {
			found["the client"] = found["the client"] || c.protocol == name && c.reason != ""
		}
		if !found["the server"] {
			t.Errorf("%s: no case of a server that refuses", name)
		}
		if !found["the client"] && name != "nats" { // its client sends nothing before TLS
			t.Errorf("%s: no case of a client that does not ask", name)
		}
	}
}

func TestClients(t *testing.T) {
	for _, test := range clients {
		conn := play(test.sent + ready)
		err := Server(t.Context(), conn, test.protocol, "")
		name := test.protocol + ", " + test.name
		if !strings.HasSuffix(conn.out.String(), test.answer) {
			t.Errorf("%s: the answers are %q, want %q at the end", name, conn.out.String(), test.answer)
		}
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
