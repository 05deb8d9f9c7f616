package vsock

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/sealsock/sealsock/socket"
)

// Family is the sockets between machines and their host.
var Family = socket.Family{Name: "vsock", Number: number, Module: "vsock vsock_loopback", Decode: decode}

// Contexts with a meaning of their own, and the port for any.
const (
	AnyContext = 0xffffffff // to listen: every context of this machine
	Hypervisor = 0
	Local      = 1 // this machine: loopback
	Host       = 2
	AnyPort    = 0xffffffff // to bind: the kernel chooses
)

// An Addr is a context, which is a machine, and a port. It is comparable.
type Addr struct {
	CID  uint32 // context
	Port uint32

	// ToHost marks the address of a sibling machine, which is reached by way of
	// the host.
	ToHost bool
}

var _ socket.Addr = Addr{}

// Network returns "vsock".
func (a Addr) Network() string { return "vsock" }

// String returns "context:port", with the well-known contexts by their names.
func (a Addr) String() string {
	cid := strconv.FormatUint(uint64(a.CID), 10)
	switch a.CID {
	case AnyContext:
		cid = "any"
	case Local:
		cid = "local"
	case Host:
		cid = "host"
	}
	if a.Port == AnyPort {
		return cid + ":any"
	}
	return cid + ":" + strconv.FormatUint(uint64(a.Port), 10)
}

const toHost = 1 // VMADDR_FLAG_TO_HOST

// AppendSockaddr appends a struct sockaddr_vm.
func (a Addr) AppendSockaddr(b []byte) ([]byte, error) {
	b = socket.AppendHeader(b, number, 16)
	b = binary.NativeEndian.AppendUint16(b, 0)
	b = binary.NativeEndian.AppendUint32(b, a.Port)
	b = binary.NativeEndian.AppendUint32(b, a.CID)
	var flags byte
	if a.ToHost {
		flags = toHost
	}
	return append(b, flags, 0, 0, 0), nil
}

func decode(raw []byte) (socket.Addr, error) {
	if len(raw) < 16 {
		return nil, fmt.Errorf("struct sockaddr_vm of %d bytes", len(raw))
	}
	return Addr{binary.NativeEndian.Uint32(raw[8:]), binary.NativeEndian.Uint32(raw[4:]), raw[12]&toHost != 0}, nil
}

// The options of vsock sockets: their buffers, in bytes, and how long
// connecting may take.
var (
	BufferSize    = socket.NewStruct[uint64]("SO_VM_SOCKETS_BUFFER_SIZE", option(0))
	BufferMinSize = socket.NewStruct[uint64]("SO_VM_SOCKETS_BUFFER_MIN_SIZE", option(1))
	BufferMaxSize = socket.NewStruct[uint64]("SO_VM_SOCKETS_BUFFER_MAX_SIZE", option(2))
)

// option returns the numbers of an option, whose level is the family.
func option(name int) socket.OptionNumber {
	if number < 0 {
		return socket.OptionNumber{}
	}
	return socket.OptionNumber{Level: number, Name: name}
}

// Dial connects to a context's port; typ is Stream or SeqPacket.
func Dial(ctx context.Context, typ socket.Type, a Addr) (*socket.Socket, error) {
	return Family.Dial(ctx, typ, 0, a)
}

// Listen accepts connections on a port; typ is Stream or SeqPacket.
func Listen(typ socket.Type, a Addr) (*socket.Listener, error) {
	return Family.Listen(typ, 0, a)
}
