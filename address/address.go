// Package address parses the text form of an endpoint into an [Address] that
// can be dialed or listened on, and formats it.
//
// # The forms
//
// Text without a scheme is TCP: "example.com:443", "192.0.2.1:443",
// "[2001:db8::1]:443", ":443" and plain "443", where the last two mean every
// local address for Listen and this machine for Dial. A scheme before "://"
// selects any other family:
//
//	tcp://example.com:443   tcp4:// and tcp6:// choose the IP version
//	unix:///run/app.sock    a path; unix://@name is Linux's abstract name space
//	seqpacket:///run/s.sock a UNIX-domain socket that keeps message boundaries
//	vsock://host:4433       between a virtual machine and its host
//	rfcomm://DEVICE/3       a Bluetooth channel; l2cap://DEVICE/4097 a service
//	isotp://can0/7e8:7e0    ISO-TP on a CAN bus, receiving and sending identifier
//	tipc://18888:17         a service of a TIPC cluster, wherever it runs
//	sctp:// mptcp:// smc:// host:port over other transports than TCP
//	udp:// udplite://       datagrams, for DialPacket and ListenPacket
//	unixgram:///run/s.sock  datagrams on a UNIX-domain socket
//	fd://3                  a descriptor that this process inherited
//	fd://systemd/web        one that systemd passed, by its name or the first
//	stdio:                  standard input and output, as one connection
//	imaps://example.com     TCP to a service with TLS from the first byte, whose port
//	                        the scheme names; https:// smtps:// pop3s:// and others
//	ws://host:8080/path     bytes in the messages of a WebSocket; wss:// is one over TLS,
//	                        and is read and written as text only
//
// [Schemes] lists all of them, with an example of each. If the kernel lacks a
// family, Dial and Listen return an error that names it.
//
// TCP, UDP, unix://, unixgram://, stdio: and the services are in every program. The other
// schemes need package all, which a program imports for that effect; without it, Parse
// returns an error that names it.
//
// Dial and Listen return streams. If a family keeps message boundaries, the
// connection is wrapped to hide them: see socket.StreamOver.
//
// A listener on a path holds the lock of the file PATH.lock until it is closed, so
// two of them never listen on one path at a time. It replaces a socket
// file that a killed listener left, and Close removes its own file only. On a file
// system without locks it replaces none.
//
// # Round trips
//
// Parse and [Address.String] are inverses: for every address a that Parse
// returns, Parse(a.String()) equals a. Addresses are comparable values.
package address

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/sealsock/sealsock/internal/endpoint"
)

// maxText is the longest text that Parse accepts, in bytes. It exceeds the
// longest address of any family and bounds the work that an input can cause.
const maxText = 4096

// An Address is a parsed endpoint. The zero Address names no endpoint: Dial and
// Listen return an error for it. Addresses are comparable with ==.
type Address struct {
	scheme string
	end    endpoint.Endpoint
}

// Parse parses one endpoint. Its error is an *[Error] that describes what is
// wrong with the text and, if possible, suggests a correction.
func Parse(text string) (Address, error) {
	if err := checkText(text); err != nil {
		return Address{}, err
	}
	name, rest := split(text)
	f, ok := endpoint.Forms[name]
	if !ok {
		if err := refuseUser(text[:len(text)-len(rest)], rest); err != nil {
			return Address{}, err
		}
		return Address{}, unknownScheme(text, name, rest)
	}
	end, err := f.Parse(name, rest)
	if err != nil {
		var problem *endpoint.ParseError
		if err := refuseUser(text[:len(text)-len(rest)], rest); err != nil {
			return Address{}, err
		}
		if errors.As(err, &problem) {
			return Address{}, &Error{Text: text, Problem: problem.Problem, Hint: problem.Hint}
		}
		return Address{}, err
	}
	// Escaping can replace one byte by three.
	if n := len(end.Text()); n > maxText {
		return Address{}, &Error{Text: text[:64] + "…", Problem: fmt.Sprintf("it has %d bytes once it is escaped, more than %d", n, maxText)}
	}
	return Address{scheme: name, end: end}, nil
}

// refuseUser returns the error of a text that is not an address and has a user before the host, and
// perhaps a password, which the error does not show.
func refuseUser(scheme, rest string) error {
	user, host, ok := strings.Cut(rest, "@")
	if !ok || user == "" || strings.ContainsAny(user, "/?#") {
		return nil
	}
	return &Error{Text: scheme + "…@" + host, Problem: "it has a user name, and TLS knows none",
		Hint: "leave out what is before the @, and send it over the connection if the service asks"}
}

// MustParse is like Parse but panics on an error. It is meant for constants.
func MustParse(text string) Address {
	a, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return a
}

// Scheme returns the scheme's name without "://": "tcp" for text that had none.
// It is empty for the zero Address.
func (a Address) Scheme() string { return a.scheme }

// Network returns the name that package net and its errors use for the
// address's network, such as "tcp" or "unix".
func (a Address) Network() string {
	if a.end == nil {
		return ""
	}
	return a.end.Network()
}

// String returns the shortest text that Parse reads back to the same address.
// TCP addresses have no scheme in it.
func (a Address) String() string {
	if a.end == nil {
		return ""
	}
	return a.end.Text()
}

// Host returns the host name or IP address that a certificate for the endpoint
// must contain, without brackets and zone. It is empty if the family has no
// names or a TCP address omits the host.
func (a Address) Host() string {
	if a.end == nil {
		return ""
	}
	return a.end.Host()
}

// HostPort returns the host and the port of an address of TCP, and ok, for a proxy that
// connects on behalf of the caller. The host may be empty and the port a service's name.
// Those of ws:// and wss:// are of the connection below the WebSocket.
// For other addresses, and for tcp4:// and tcp6://, which a proxy cannot honor, ok is
// false.
func (a Address) HostPort() (host, port string, ok bool) {
	if proxied, is := a.end.(interface{ HostPort() (string, string, bool) }); is {
		return proxied.HostPort()
	}
	return "", "", false
}

// Location returns the host of a ws:// or wss:// address, with the port if the address
// has one, and the path with the query, as a request of HTTP has them. They are empty for
// other addresses.
func (a Address) Location() (host, resource string) {
	if w, ok := a.end.(interface{ Location() (string, string) }); ok {
		return w.Location()
	}
	return "", ""
}

// ALPN returns the name of the application protocol for ALPN (RFC 7301) if the scheme
// names one that has a registered name, such as "imap" for imaps://. It is empty
// otherwise.
func (a Address) ALPN() string {
	if s, ok := a.end.(interface{ ALPN() string }); ok {
		return s.ALPN()
	}
	return ""
}

// Dial opens a connection to the address. The context applies until the
// connection is established, not afterwards. Its errors are *[net.OpError]
// values.
func (a Address) Dial(ctx context.Context) (net.Conn, error) {
	if a.end == nil {
		return nil, opError("dial", a, errZero)
	}
	return a.end.Dial(ctx)
}

// Listen announces on the address. The context applies until the listener
// exists, not afterwards. Its errors are *[net.OpError] values.
func (a Address) Listen(ctx context.Context) (net.Listener, error) {
	if a.end == nil {
		return nil, opError("listen", a, errZero)
	}
	return a.end.Listen(ctx)
}

// Packets reports whether the scheme of the address carries datagrams: DialPacket and
// ListenPacket are for it, in place of Dial and Listen.
func (a Address) Packets() bool {
	_, ok := a.end.(endpoint.Packets)
	return ok
}

// DialPacket connects to an address whose scheme carries datagrams. Its errors
// are *[net.OpError] values.
func (a Address) DialPacket(ctx context.Context) (net.Conn, error) {
	p, ok := a.end.(endpoint.Packets)
	if !ok {
		return nil, opError("dial", a, errNoPackets)
	}
	return p.DialPacket(ctx)
}

// ListenPacket receives datagrams on an address whose scheme carries them. Its
// errors are *[net.OpError] values.
func (a Address) ListenPacket(ctx context.Context) (net.PacketConn, error) {
	p, ok := a.end.(endpoint.Packets)
	if !ok {
		return nil, opError("listen", a, errNoPackets)
	}
	return p.ListenPacket(ctx)
}

// MarshalText returns String as bytes, so that configuration files can hold
// addresses.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText parses text as Parse does, so that configuration files can hold
// addresses.
func (a *Address) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// An Error reports why a text is not an address.
type Error struct {
	Text    string // what was given
	Problem string // what is wrong with it, lower case, no full stop
	Hint    string // what to write instead; may be empty
}

func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	s := fmt.Sprintf("address %q: %s", e.Text, e.Problem)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

var (
	errZero      = errors.New("the zero address is not an endpoint")
	errNoPackets = errors.New("the address does not carry datagrams: " +
		"use udp://, udplite:// or unixgram://")
)

func opError(op string, a Address, err error) error {
	return &net.OpError{Op: op, Net: a.Network(), Addr: name{a}, Err: err}
}

// name implements net.Addr for an Address in an error.
type name struct{ Address }

func checkText(text string) error {
	if text == "" {
		return &Error{Problem: "it is empty", Hint: `write host:port, or a scheme as in unix:///run/app.sock`}
	}
	if len(text) > maxText {
		return &Error{Text: text[:64] + "…", Problem: fmt.Sprintf("it has %d bytes, more than %d", len(text), maxText)}
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		return &Error{Text: text, Problem: fmt.Sprintf("it has a control character at byte %d", i)}
	}
	return nil
}

// split separates the scheme from the rest. Text without a scheme is TCP.
func split(text string) (name, rest string) {
	if text == "-" || text == "stdio" {
		return "stdio", ""
	}
	if name, rest, ok := strings.Cut(text, "://"); ok {
		return strings.ToLower(name), rest
	}
	if rest, ok := strings.CutPrefix(strings.ToLower(text), "stdio:"); ok {
		return "stdio", rest
	}
	return "tcp", text
}
