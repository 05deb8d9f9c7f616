package qrtr

import (
	"encoding/binary"
	"fmt"

	"github.com/sealsock/sealsock/socket"
)

// Family is Qualcomm's IPC router.
var Family = socket.Family{Name: "qrtr", Number: number, Module: "qrtr", Decode: decode}

// Nodes and ports with a meaning of their own.
const (
	Broadcast   = 0xffffffff // node: all
	ControlPort = 0xfffffffe // port of a node's name server
)

// An Addr is a node, which is a processor, and a port. It is comparable.
type Addr struct{ Node, Port uint32 }

var _ socket.Addr = Addr{}

// Network returns "qrtr".
func (a Addr) Network() string { return "qrtr" }

// String returns "node:port".
func (a Addr) String() string { return fmt.Sprintf("%d:%d", a.Node, a.Port) }

// AppendSockaddr appends a struct sockaddr_qrtr.
func (a Addr) AppendSockaddr(b []byte) ([]byte, error) {
	b = socket.AppendHeader(b, number, 12)
	b = append(b, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, a.Node)
	return binary.NativeEndian.AppendUint32(b, a.Port), nil
}

func decode(raw []byte) (socket.Addr, error) {
	if len(raw) < 12 {
		return nil, fmt.Errorf("struct sockaddr_qrtr of %d bytes", len(raw))
	}
	return Addr{binary.NativeEndian.Uint32(raw[4:]), binary.NativeEndian.Uint32(raw[8:])}, nil
}

// Open opens a datagram socket on a port of this node; 0 lets the kernel choose.
func Open(port uint32) (*socket.PacketConn, error) {
	s, err := Family.Open(socket.Datagram, 0, func(s *socket.Socket) error {
		// A socket has this node's number before it is bound, and a port after.
		local, _ := s.LocalAddr().(Addr)
		return s.Bind(Addr{local.Node, port})
	})
	if err != nil {
		return nil, err
	}
	return s.PacketConn(), nil
}
