package bluetooth

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"

	"github.com/sealsock/sealsock/socket"
)

// FamilyL2CAP is Bluetooth with the addresses of L2CAP.
var FamilyL2CAP = socket.Family{Name: "l2cap", Number: number, Module: "bluetooth", Decode: decodeL2CAP, ResetIsEnd: true}

// An L2CAPAddr is a device and a service on it. It is comparable.
type L2CAPAddr struct {
	Device Device
	PSM    uint16 // protocol or service: odd, and from 0x1001 on for anybody
	CID    uint16 // a fixed channel, instead of a service
	Type   DeviceType
}

var _ socket.Addr = L2CAPAddr{}

// Network returns "l2cap".
func (a L2CAPAddr) Network() string { return "l2cap" }

// String returns "device/psm", the latter as a decimal number.
func (a L2CAPAddr) String() string { return fmt.Sprintf("%v/%d", a.Device, a.PSM) }

// AppendSockaddr appends a struct sockaddr_l2, or FreeBSD's sockaddr_l2cap,
// which has the same fields in the same places.
func (a L2CAPAddr) AppendSockaddr(b []byte) ([]byte, error) {
	if a.PSM != 0 && a.Type == Classic && a.CID == 0 && a.PSM&0x0101 != 0x0001 {
		return b, fmt.Errorf("PSM %d is not valid: the lowest bit is 1 in its lower byte and 0 in its upper (Bluetooth Core Specification, Volume 3, Part A, Section 4.2)", a.PSM)
	}
	b = socket.AppendHeader(b, number, 14)
	b = binary.LittleEndian.AppendUint16(b, a.PSM)
	b = a.Device.append(b)
	b = binary.LittleEndian.AppendUint16(b, a.CID)
	return append(b, byte(a.Type), 0), nil
}

func decodeL2CAP(raw []byte) (socket.Addr, error) {
	if len(raw) < 13 {
		return nil, fmt.Errorf("struct sockaddr_l2 of %d bytes", len(raw))
	}
	return L2CAPAddr{
		Device: deviceOf(raw[4:10]),
		PSM:    binary.LittleEndian.Uint16(raw[2:]),
		CID:    binary.LittleEndian.Uint16(raw[10:]),
		Type:   DeviceType(raw[12]),
	}, nil
}

// L2CAPOptions is struct l2cap_options.
type L2CAPOptions struct {
	SendMTU, ReceiveMTU uint16 // bytes in a message
	FlushTimeout        uint16
	Mode                uint8 // L2CAPBasic and so on
	FCS                 uint8
	MaxTransmissions    uint8
	_                   uint8
	Window              uint16
}

// The options of L2CAP sockets.
var (
	L2CAP     = socket.NewStruct[L2CAPOptions]("L2CAP_OPTIONS", option(6, 1))
	L2CAPInfo = socket.NewStruct[ConnectionInfo]("L2CAP_CONNINFO", option(6, 2)) // read only
	L2CAPMode = socket.NewInt("L2CAP_LM", option(6, 3))                          // LinkMode bits
)

// Values of L2CAPOptions.Mode.
const (
	L2CAPBasic          = 0
	L2CAPRetransmission = 3 // enhanced: with flow control
	L2CAPStreaming      = 4
)

// Bits of L2CAPMode and RFCOMMMode.
const (
	LinkMaster   = 0x01
	LinkAuth     = 0x02
	LinkEncrypt  = 0x04
	LinkTrusted  = 0x08
	LinkReliable = 0x10
	LinkSecure   = 0x20
)

// ConnectionInfo is struct l2cap_conninfo and its likes.
type ConnectionInfo struct {
	Handle uint16 // of the controller
	Class  [3]uint8
	_      uint8
}

// DialL2CAP connects to a service; typ is SeqPacket, Stream or Datagram. local
// is the controller to use, or Any.
//
// A SeqPacket connection uses the basic mode, which has no flow control: a
// receiver with a full buffer loses messages. DialReliableL2CAP uses another
// mode.
func DialL2CAP(ctx context.Context, typ socket.Type, local Device, to L2CAPAddr) (*socket.Socket, error) {
	return dial(ctx, FamilyL2CAP, typ, protoL2CAP, nil, L2CAPAddr{Device: local, Type: to.Type}, to)
}

// ListenL2CAP accepts connections to a service; typ is SeqPacket, Stream or
// Datagram. PSM 0 lets the kernel choose one.
func ListenL2CAP(typ socket.Type, a L2CAPAddr) (*socket.Listener, error) {
	return listen(FamilyL2CAP, typ, protoL2CAP, nil, a)
}

// DialReliableL2CAP is like DialL2CAP with SeqPacket, but requests the enhanced
// retransmission mode, in which no message is lost. With a peer that does not
// support it, the connection uses the basic mode.
func DialReliableL2CAP(ctx context.Context, local Device, to L2CAPAddr) (*socket.Socket, error) {
	return dial(ctx, FamilyL2CAP, socket.SeqPacket, protoL2CAP, askForRetransmission, L2CAPAddr{Device: local, Type: to.Type}, to)
}

// ListenReliableL2CAP is like ListenL2CAP with the mode of DialReliableL2CAP.
func ListenReliableL2CAP(a L2CAPAddr) (*socket.Listener, error) {
	return listen(FamilyL2CAP, socket.SeqPacket, protoL2CAP, askForRetransmission, a)
}

// askForRetransmission sets the mode of a socket that is not connected yet. LE
// has a flow control of its own, and systems without the option their defaults.
func askForRetransmission(s *socket.Socket, a net.Addr) error {
	if _, ok := L2CAP.Number(); !ok || a.(L2CAPAddr).Type != Classic {
		return nil
	}
	o, err := L2CAP.Get(s)
	if err != nil {
		return err
	}
	o.Mode = L2CAPRetransmission
	return L2CAP.Set(s, o)
}

// StreamL2CAP converts an L2CAP connection to a stream, for protocols such as
// TLS. These need a connection of DialReliableL2CAP or ListenReliableL2CAP.
func StreamL2CAP(s *socket.Socket) (*socket.StreamConn, error) {
	o, err := L2CAP.Get(s)
	if err != nil {
		return nil, err
	}
	return socket.StreamOver(s, int(o.SendMTU), int(o.ReceiveMTU))
}
