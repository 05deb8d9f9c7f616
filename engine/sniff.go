package engine

import (
	"bytes"

	"github.com/sealsock/sealsock/iana"
)

// greetings are the first bytes of protocols that people reach by mistake.
var greetings = []struct{ start, name, hint string }{
	{"HTTP/", "plain HTTP", "the port does not speak TLS; HTTPS is often on port 443"},
	{"GET ", "plain HTTP", "the client must use https://"},
	{"POST ", "plain HTTP", "the client must use https://"},
	{"HEAD ", "plain HTTP", "the client must use https://"},
	{"PUT ", "plain HTTP", "the client must use https://"},
	{"OPTIONS ", "plain HTTP", "the client must use https://"},
	{"CONNECT ", "plain HTTP", "the client must use https://"},
	{"PRI * HTTP/2", "plain HTTP/2", "the client must use https://"},
	{"SSH-", "SSH", "use an SSH client, or another port"},
	{"220 ", "SMTP or FTP in the clear", "the server wants STARTTLS first, or its port for TLS from the start (465, 990)"},
	{"220-", "SMTP or FTP in the clear", "the server wants STARTTLS first, or its port for TLS from the start (465, 990)"},
	{"* OK", "IMAP in the clear", "the server wants STARTTLS first, or its port for TLS from the start (993)"},
	{"+OK", "POP3 in the clear", "the server wants STLS first, or its port for TLS from the start (995)"},
	{"EHLO ", "SMTP in the clear", "the client must start with TLS"},
	{"HELO ", "SMTP in the clear", "the client must start with TLS"},
	{"RFB ", "VNC in the clear", "the port does not speak TLS"},
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
			Reason: "the peer does not speak TLS", Got: g.name, Hint: g.hint,
		}
	}
	if in[0]&0x80 != 0 && len(in) > 2 && in[2] == 1 {
		return broken(iana.AlertProtocolVersion, "the peer speaks SSLv2, which is broken for good")
	}
	if in[0] < byte(iana.ContentChangeCipherSpec) || in[0] > byte(iana.ContentApplicationData) {
		return &Error{
			Fault: FaultPeer, Alert: iana.AlertUnexpectedMessage,
			Reason: "the peer does not speak TLS: its first byte starts no TLS record",
			Hint:   "check the port, and that the other side expects TLS",
		}
	}
	return nil
}
