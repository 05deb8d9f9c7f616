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
	{"no TLS", "postgres", "\x00\x00\x00\x08\x00\x03\x00\x00", "", false, "SSLRequest"},
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
