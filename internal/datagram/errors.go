package datagram

import (
	"fmt"
	"io"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

var errReplaced = &engine.Error{
	Fault: engine.FaultTransport, Reason: "the peer has begun another connection from its address",
}

var errRefused = &engine.Error{
	Fault:  engine.FaultAlert,
	Reason: "it closed the connection before the handshake was complete",
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
