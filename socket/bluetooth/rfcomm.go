package bluetooth

import (
	"context"
	"fmt"

	"github.com/sealsock/sealsock/socket"
)

// FamilyRFCOMM is Bluetooth with the addresses of RFCOMM.
var FamilyRFCOMM = socket.Family{Name: "rfcomm", Number: numberRFCOMM, Module: "bluetooth rfcomm", Decode: decodeRFCOMM, ResetIsEnd: true}

// An RFCOMMAddr is a device and a channel on it. It is comparable.
type RFCOMMAddr struct {
	Device  Device
	Channel uint8 // 1 to 30
}

var _ socket.Addr = RFCOMMAddr{}

// Network returns "rfcomm".
func (a RFCOMMAddr) Network() string { return "rfcomm" }

// String returns "device/channel".
func (a RFCOMMAddr) String() string { return fmt.Sprintf("%v/%d", a.Device, a.Channel) }

// AppendSockaddr appends a struct sockaddr_rc, FreeBSD's sockaddr_rfcomm or
// SOCKADDR_BTH of Windows.
func (a RFCOMMAddr) AppendSockaddr(b []byte) ([]byte, error) {
	if a.Channel > 30 {
		return b, fmt.Errorf("RFCOMM channel %d is not in 1 to 30", a.Channel)
	}
	return appendRFCOMM(b, a), nil
}

// The options of RFCOMM sockets.
var (
	RFCOMMInfo = socket.NewStruct[ConnectionInfo]("RFCOMM_CONNINFO", option(18, 2)) // read only
	RFCOMMMode = socket.NewInt("RFCOMM_LM", option(18, 3))                          // LinkMode bits
)

// DialRFCOMM connects to a channel. local is the controller to use, or Any.
func DialRFCOMM(ctx context.Context, local Device, to RFCOMMAddr) (*socket.Socket, error) {
	return dial(ctx, FamilyRFCOMM, socket.Stream, protoRFCOMM, nil, RFCOMMAddr{Device: local}, to)
}

// ListenRFCOMM accepts connections to a channel. Channel 0 lets the kernel
// choose one.
func ListenRFCOMM(a RFCOMMAddr) (*socket.Listener, error) {
	return listen(FamilyRFCOMM, socket.Stream, protoRFCOMM, nil, a)
}
