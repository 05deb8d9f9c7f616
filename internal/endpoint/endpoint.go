// Package endpoint has what the schemes of package address have in common, and the schemes
// that all programs have: those that package net provides, and standard input and output.
// Package address/all registers the others.
package endpoint

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
)

// An Endpoint is the parsed text of one scheme. Implementations are comparable.
type Endpoint interface {
	Network() string // of package net
	Text() string    // which parses to the same Endpoint
	Host() string    // that a certificate must contain, if any
	Dial(ctx context.Context) (net.Conn, error)
	Listen(ctx context.Context) (net.Listener, error)
}

// Packets is an Endpoint that carries datagrams.
type Packets interface {
	Endpoint
	DialPacket(ctx context.Context) (net.Conn, error)
	ListenPacket(ctx context.Context) (net.PacketConn, error)
}

// A Form describes how one scheme is parsed.
type Form struct {
	Parse   func(scheme, rest string) (Endpoint, error) // its errors are *ParseError
	Example string
	Meaning string // one line
}

// Forms has the schemes that can be parsed. It is changed by init functions only.
var Forms = map[string]Form{}

// Elsewhere has the schemes that package address/all registers.
var Elsewhere = []string{
	"fd", "isotp", "l2cap", "mptcp", "rfcomm", "sctp", "seqpacket", "smc", "tipc", "udplite", "vsock", "ws", "wss",
}

// Register adds schemes. It is called by init functions.
func Register(forms map[string]Form) { maps.Copy(Forms, forms) }

// A ParseError is what is wrong with the text of an address.
type ParseError struct {
	Text    string // which is set where the whole is known
	Problem string
	Hint    string
}

func (e *ParseError) Error() string { return e.Problem }

// Problem returns a ParseError whose hint is formatted.
func Problem(problem, hint string, args ...any) *ParseError {
	return &ParseError{Problem: problem, Hint: fmt.Sprintf(hint, args...)}
}

// ErrPackets is the error of a stream over what carries datagrams.
var ErrPackets = errors.New("the address carries datagrams, which may be lost, not a stream")

// OpError returns the error of an operation on an endpoint.
func OpError(op string, at Endpoint, err error) error {
	return &net.OpError{Op: op, Net: at.Network(), Addr: name{at}, Err: err}
}

// name implements net.Addr for an Endpoint in an error.
type name struct{ Endpoint }

func (n name) String() string { return n.Text() }
