package inet

import (
	"net"
	"syscall"

	"github.com/sealsock/sealsock/socket"
)

// TCP is the transport of CreateConnection and CreateServer by default.
var TCP = Transport{Name: "tcp", Type: socket.Stream}

// A Transport is a protocol between IP addresses.
type Transport struct {
	Name   string      // for errors and Addr.Network: "sctp"
	Module string      // the Linux modules that implement it
	Type   socket.Type // of its sockets

	// Protocol is the third argument of socket(2). Protocol6 takes its place
	// for IPv6 if it is not 0.
	Protocol, Protocol6 int

	// Domain is the AF_ number of its sockets, where that is not the one of
	// their addresses; negative on a system that has no such sockets.
	Domain int
}

// Family returns the family of the transport's sockets for IP version 4 or 6.
func (t Transport) Family(version int) socket.Family {
	f := socket.Family{Name: t.Name, Module: t.Module, Number: syscall.AF_INET}
	if version == 6 {
		f.Number = syscall.AF_INET6
	}
	six := version == 6
	f.Decode = func(raw []byte) (socket.Addr, error) { return decode(t.Name, raw) }
	f.Convert = func(a net.Addr) (socket.Addr, error) { return convert(t.Name, six, a) }
	if t.Domain != 0 {
		f.Takes = []int{f.Number}
		f.Number = t.Domain
	}
	return f
}

// New opens a socket for IP version 4 or 6.
func (t Transport) New(version int) (*socket.Socket, error) {
	proto := t.Protocol
	if version == 6 && t.Protocol6 != 0 {
		proto = t.Protocol6
	}
	return socket.New(t.Family(version), t.Type, proto)
}
