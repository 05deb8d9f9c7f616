package tipc

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/sealsock/sealsock/socket"
)

// Family is TIPC. Closing a connection whose peer does not read can take up to 8
// seconds: the kernel waits for room before it tells the peer. There is no
// closing of one direction.
var Family = socket.Family{Name: "tipc", Number: number, Module: "tipc", Decode: decode, EndByShutdown: true}

// A Kind is the form of an address.
type Kind uint8

// The kinds have the kernel's numbers.
const (
	KindRange   Kind = 1 // of service instances: to bind, and to send to all
	KindService Kind = 2 // one instance
	KindSocket  Kind = 3 // one socket
)

// A Scope is the part of the cluster in which the name of a service is visible.
type Scope int8

// The scopes have the kernel's numbers.
const (
	ZoneScope    Scope = 1 // as ClusterScope, since Linux 4.17
	ClusterScope Scope = 2
	NodeScope    Scope = 3
)

// An Addr is a TIPC address of any kind. It is comparable. Range, Service and
// SocketID make them.
type Addr struct {
	Kind  Kind
	Scope Scope

	// A, B and C are, for a range, its service type and its lowest and highest
	// instance; for a service, its type, its instance, and the node to look on
	// or 0; for a socket, its reference, its node, and 0.
	A, B, C uint32
}

var _ socket.Addr = Addr{}

// Range returns the address of the instances lower to upper of a service. A
// server binds to it; a message to it goes to all its sockets.
func Range(service, lower, upper uint32, scope Scope) Addr {
	return Addr{KindRange, scope, service, lower, upper}
}

// Service returns the address of one instance of a service, on any node.
func Service(service, instance uint32) Addr {
	return Addr{Kind: KindService, A: service, B: instance}
}

// SocketID returns the address of one socket.
func SocketID(ref, node uint32) Addr { return Addr{Kind: KindSocket, A: ref, B: node} }

// Network returns "tipc".
func (a Addr) Network() string { return "tipc" }

// String returns "type:lower-upper" for a range, "type:instance" for a service
// and "#ref@node" for a socket; a node in hexadecimal.
func (a Addr) String() string {
	switch a.Kind {
	case KindRange:
		return fmt.Sprintf("%d:%d-%d", a.A, a.B, a.C)
	case KindService:
		if a.C != 0 {
			return fmt.Sprintf("%d:%d@%x", a.A, a.B, a.C)
		}
		return fmt.Sprintf("%d:%d", a.A, a.B)
	case KindSocket:
		return fmt.Sprintf("#%d@%x", a.A, a.B)
	}
	return fmt.Sprintf("kind %d", a.Kind)
}

// AppendSockaddr appends a struct sockaddr_tipc.
func (a Addr) AppendSockaddr(b []byte) ([]byte, error) {
	switch {
	case a.Kind < KindRange || a.Kind > KindSocket:
		return b, fmt.Errorf("a TIPC address of kind %d", a.Kind)
	case a.Kind == KindRange && a.B > a.C:
		return b, fmt.Errorf("a TIPC range from %d down to %d", a.B, a.C)
	}
	b = socket.AppendHeader(b, number, 16)
	b = append(b, byte(a.Kind), byte(a.Scope))
	b = binary.NativeEndian.AppendUint32(b, a.A)
	b = binary.NativeEndian.AppendUint32(b, a.B)
	return binary.NativeEndian.AppendUint32(b, a.C), nil
}

func decode(raw []byte) (socket.Addr, error) {
	if len(raw) < 16 {
		return nil, fmt.Errorf("struct sockaddr_tipc of %d bytes", len(raw))
	}
	a := Addr{
		Kind: Kind(raw[2]), Scope: Scope(raw[3]),
		A: binary.NativeEndian.Uint32(raw[4:]), B: binary.NativeEndian.Uint32(raw[8:]), C: binary.NativeEndian.Uint32(raw[12:]),
	}
	if a.Kind < KindRange || a.Kind > KindSocket {
		return nil, fmt.Errorf("a TIPC address of kind %d", a.Kind)
	}
	if a.Kind == KindSocket {
		a.C = 0 // the kernel leaves what was there
	}
	return a, nil
}

// The values of Importance: how long the kernel keeps messages when memory is
// low.
const (
	LowImportance      = 0
	MediumImportance   = 1
	HighImportance     = 2
	CriticalImportance = 3
)

// The options of TIPC sockets.
var (
	Importance            = socket.NewInt("TIPC_IMPORTANCE", option(127))                          // of its messages
	SourceDroppable       = socket.NewBool("TIPC_SRC_DROPPABLE", option(128))                      // drop messages that meet congestion
	DestinationDroppable  = socket.NewBool("TIPC_DEST_DROPPABLE", option(129))                     // drop undeliverable messages instead of returning them
	ConnectTimeout        = socket.NewDuration("TIPC_CONN_TIMEOUT", option(130), time.Millisecond) // how long connecting may take
	NodeReceiveQueueDepth = socket.NewInt("TIPC_NODE_RECVQ_DEPTH", option(131))                    // messages in the node's queue; read only
	ReceiveQueueDepth     = socket.NewInt("TIPC_SOCK_RECVQ_DEPTH", option(132))                    // messages in the socket's queue; read only
)

// option returns the numbers of an option of SOL_TIPC.
func option(name int) socket.OptionNumber {
	if number < 0 {
		return socket.OptionNumber{}
	}
	return socket.OptionNumber{Level: 271, Name: name}
}

// Dial connects to a service or a socket; typ is Stream or SeqPacket. It waits
// until the other side accepts.
func Dial(ctx context.Context, typ socket.Type, a Addr) (*socket.Socket, error) {
	return Family.Dial(ctx, typ, 0, a)
}

// Listen accepts connections to a range of a service; typ is Stream or
// SeqPacket.
func Listen(typ socket.Type, a Addr) (*socket.Listener, error) {
	return Family.Listen(typ, 0, a)
}

// ListenMessages receives messages to a range of a service; typ is RDM, whose
// messages arrive, or Datagram, whose messages may be dropped.
func ListenMessages(typ socket.Type, a Addr) (*socket.PacketConn, error) {
	s, err := Family.Bind(typ, 0, a)
	if err != nil {
		return nil, err
	}
	return s.PacketConn(), nil
}
