package engine

import (
	"bytes"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
)

// greetings are the first bytes of protocols that people reach by mistake.
var greetings = []struct{ start, name, hint string }{
	{"HTTP/", "plain HTTP", "the port does not use TLS; HTTPS is often on port 443"},
	{"GET ", "plain HTTP", "use https://"},
	{"POST ", "plain HTTP", "use https://"},
	{"HEAD ", "plain HTTP", "use https://"},
	{"PUT ", "plain HTTP", "use https://"},
	{"OPTIONS ", "plain HTTP", "use https://"},
	{"CONNECT ", "plain HTTP", "use https://"},
	{"PRI * HTTP/2", "plain HTTP/2", "use https://"},
	{"SSH-", "SSH", "use an SSH client, or another port"},
	{"220 ", "plaintext SMTP or FTP", "use STARTTLS, or the port with implicit TLS (465, 990)"},
	{"220-", "plaintext SMTP or FTP", "use STARTTLS, or the port with implicit TLS (465, 990)"},
	{"* OK", "plaintext IMAP", "use STARTTLS, or the port with implicit TLS (993)"},
	{"+OK", "plaintext POP3", "use STLS, or the port with implicit TLS (995)"},
	{"EHLO ", "plaintext SMTP", "connect with TLS"},
	{"HELO ", "plaintext SMTP", "connect with TLS"},
	{"RFB ", "plaintext VNC", "the port does not use TLS"},
}

// sniff looks at the first bytes of a peer. If they do not start a TLS record, it
// returns an error that names the protocol, if it is a known one.
func (r *Receiver) sniff(in []byte) error {
	if len(in) == 0 || in[0] == byte(iana.ContentHandshake) || in[0] == byte(iana.ContentAlert) {
		return nil
	}
	for _, g := range greetings {
		n := min(len(in), len(g.start))
		if !bytes.Equal(in[:n], []byte(g.start[:n])) {
			continue
		}
		if n < len(g.start) && n < 5 {
			return nil // it could still be this; wait for more
		}
		return &Error{
			Fault: FaultPeer, Alert: iana.AlertUnexpectedMessage,
			Reason: "the peer does not use TLS", Got: g.name, Hint: g.hint,
			Plaintext: first(in),
		}
	}
	if in[0]&0x80 != 0 && len(in) > 2 && in[2] == 1 {
		return broken(iana.AlertProtocolVersion, "the peer uses SSL 2.0, which is insecure and not supported")
	}
	if in[0] < byte(iana.ContentChangeCipherSpec) || in[0] > byte(iana.ContentApplicationData) {
		return &Error{
			Fault: FaultPeer, Alert: iana.AlertUnexpectedMessage,
			Reason:    "the peer does not use TLS: its first byte is not that of a TLS record",
			Hint:      "check the port, and whether the other side expects TLS",
			Plaintext: first(in),
		}
	}
	return nil
}

// first returns a copy of the first bytes of in, as many as a record header has.
func first(in []byte) []byte { return bytes.Clone(in[:min(len(in), record.HeaderLen)]) }
