package kernelcontrol

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"

	"github.com/sealsock/sealsock/socket"
)

// Family is AF_SYSTEM of macOS.
var Family = socket.Family{Name: "system", Number: number, Decode: decode}

// UTun is the name of the control that makes tunnel interfaces: unit n+1 is
// interface utun<n>.
const UTun = "com.apple.net.utun_control"

const (
	afSystem     = 32
	sysControl   = 2 // AF_SYS_CONTROL
	protoControl = 2 // SYSPROTO_CONTROL
)

// An Addr is a control and a unit of it; unit 0 is any. It is comparable.
type Addr struct{ ID, Unit uint32 }

var _ socket.Addr = Addr{}

// Network returns "system".
func (a Addr) Network() string { return "system" }

// String returns "id/unit".
func (a Addr) String() string { return fmt.Sprintf("%d/%d", a.ID, a.Unit) }

// AppendSockaddr appends a struct sockaddr_ctl.
func (a Addr) AppendSockaddr(b []byte) ([]byte, error) {
	b = socket.AppendHeader(b, afSystem, 32)
	b = binary.NativeEndian.AppendUint16(b, sysControl)
	b = binary.NativeEndian.AppendUint32(b, a.ID)
	b = binary.NativeEndian.AppendUint32(b, a.Unit)
	return append(b, make([]byte, 20)...), nil
}

func decode(raw []byte) (socket.Addr, error) {
	if len(raw) < 12 {
		return nil, fmt.Errorf("struct sockaddr_ctl of %d bytes", len(raw))
	}
	return Addr{binary.NativeEndian.Uint32(raw[4:]), binary.NativeEndian.Uint32(raw[8:])}, nil
}

// Dial connects to the control with the given name; typ is Datagram or Stream,
// depending on the control.
func Dial(ctx context.Context, typ socket.Type, name string, unit uint32) (*socket.Socket, error) {
	return Family.Open(typ, protoControl, func(s *socket.Socket) error {
		id, err := resolve(s, name)
		if err != nil {
			return &net.OpError{
				Op: "dial", Net: "system", Err: fmt.Errorf("kernel control %q: %w", name, err),
			}
		}
		return s.Connect(ctx, Addr{id, unit})
	})
}
