package bluetooth

import (
	"context"
	"fmt"

	"github.com/sealsock/sealsock/socket"
)

// FamilySCO is Bluetooth with the addresses of SCO.
var FamilySCO = socket.Family{Name: "sco", Number: number, Module: "bluetooth", Decode: decodeSCO}

// An SCOAddr is a device. It is comparable.
type SCOAddr struct{ Device Device }

var _ socket.Addr = SCOAddr{}

// Network returns "sco".
func (a SCOAddr) Network() string { return "sco" }

// String returns the device.
func (a SCOAddr) String() string { return a.Device.String() }

// AppendSockaddr appends a struct sockaddr_sco.
func (a SCOAddr) AppendSockaddr(b []byte) ([]byte, error) {
	return a.Device.append(socket.AppendHeader(b, number, 8)), nil
}

func decodeSCO(raw []byte) (socket.Addr, error) {
	if len(raw) < 8 {
		return nil, fmt.Errorf("struct sockaddr_sco of %d bytes", len(raw))
	}
	return SCOAddr{deviceOf(raw[2:8])}, nil
}

// The options of SCO sockets; both are read only.
var (
	SCOMTU  = socket.NewStruct[uint16]("SCO_OPTIONS", option(17, 1)) // bytes in a packet
	SCOInfo = socket.NewStruct[ConnectionInfo]("SCO_CONNINFO", option(17, 2))
)

// DialSCO opens a voice connection. local is the controller to use, or Any.
func DialSCO(ctx context.Context, local Device, to SCOAddr) (*socket.Socket, error) {
	return dial(ctx, FamilySCO, socket.SeqPacket, protoSCO, nil, SCOAddr{local}, to)
}

// ListenSCO accepts voice connections to a controller.
func ListenSCO(a SCOAddr) (*socket.Listener, error) {
	return listen(FamilySCO, socket.SeqPacket, protoSCO, nil, a)
}
