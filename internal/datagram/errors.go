package datagram

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

var errReplaced = &engine.Error{
	Fault: engine.FaultTransport, Reason: "the peer has begun another connection from its address",
}

var errUnproved = &engine.Error{
	Fault:  engine.FaultTransport,
	Reason: "the peer has not proved its address in time, and others wait for its place",
}

var errRefused = &engine.Error{
	Fault:  engine.FaultAlert,
	Reason: "it closed the connection before the handshake was complete",
}

// passing reports whether an error of a socket is not about the peer, and may be over at once: a
// buffer of the system is full, or a router has reported (RFC 1191, RFC 8201) that datagrams have
// to be smaller, from when on the system divides them. What was not sent counts as lost.
func passing(err error) bool {
	return errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM) ||
		errors.Is(err, syscall.EMSGSIZE)
}

// ofPeer reports whether an error of a socket is a report on a datagram that was sent to one peer.
// Each report is read once, and the socket continues.
func ofPeer(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH) ||
		errors.Is(err, syscall.EMSGSIZE)
}

// usage is the error for a mistake of the caller, which changes nothing.
func usage(reason, hint string) *engine.Error {
	return &engine.Error{
		Fault: engine.FaultUsage, Alert: iana.AlertInternalError, Reason: reason, Hint: hint,
	}
}

// tooLong is the error for a message that no datagram can carry.
func tooLong(n, most, mtu int) error {
	return usage(
		fmt.Sprintf("a message of %d bytes: with an MTU of %d bytes, a datagram carries at most %d",
			n, mtu, most),
		"send smaller messages, or set Config.MTU if the network carries larger datagrams")
}

// tooShort is the error for a buffer that the next message does not fit.
func tooShort(n, room int) error {
	e := usage(fmt.Sprintf("the next message has %d bytes, and the buffer %d", n, room),
		"read into a larger buffer: the message is kept")
	e.Err = io.ErrShortBuffer
	return e
}

// noStream is the error for what only a stream can do.
func noStream(what string) error {
	return usage("a connection of datagrams does not have "+what, "use a stream, such as TCP")
}

// unreachable is the error for a peer that the system cannot reach.
func unreachable(err error) error {
	return &engine.Error{
		Fault: engine.FaultTransport, Err: err,
		Reason: "the peer cannot be reached",
		Hint:   "check the address and the port, and that a server of DTLS listens there",
	}
}
