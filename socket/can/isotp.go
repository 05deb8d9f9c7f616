package can

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"time"

	"github.com/sealsock/sealsock/socket"
)

// FamilyISOTP is CAN with the addresses of ISO-TP.
var FamilyISOTP = family(decodeISOTP)

// Sizes for socket.StreamOver: MaxISOTPSend is the message size that every
// implementation of ISO-TP accepts, and MaxISOTPReceive the largest that Linux
// delivers.
const (
	MaxISOTPSend    = 4095
	MaxISOTPReceive = 8300
)

// An ISOTPAddr is an interface and the two identifiers of a connection, each
// with ExtendedFlag if it has 29 bits. It is comparable.
type ISOTPAddr struct {
	Interface int
	Rx, Tx    uint32 // of the frames received, and sent
}

var _ socket.Addr = ISOTPAddr{}

// Network returns "can".
func (a ISOTPAddr) Network() string { return "can" }

// String returns "interface/rx:tx", the identifiers in hexadecimal, with 8
// digits if they have 29 bits.
func (a ISOTPAddr) String() string {
	return fmt.Sprintf("%s/%s:%s", interfaceName(a.Interface), idText(a.Rx), idText(a.Tx))
}

func idText(id uint32) string {
	if id&ExtendedFlag != 0 {
		return fmt.Sprintf("%08x", id&ExtendedMask)
	}
	return fmt.Sprintf("%03x", id)
}

// AppendSockaddr appends a struct sockaddr_can.
func (a ISOTPAddr) AppendSockaddr(b []byte) ([]byte, error) {
	for _, id := range []uint32{a.Rx, a.Tx} {
		if id&ExtendedFlag == 0 && id > StandardMask || id&^ExtendedFlag > ExtendedMask {
			return b, fmt.Errorf("identifier %#x of ISO-TP has neither 11 bits nor the extended flag and 29", id)
		}
	}
	b = appendHead(b, a.Interface)
	b = binary.NativeEndian.AppendUint32(b, a.Rx)
	b = binary.NativeEndian.AppendUint32(b, a.Tx)
	return append(b, make([]byte, 8)...), nil
}

func decodeISOTP(raw []byte) (socket.Addr, error) {
	i, err := cutHead(raw, 16)
	if err != nil {
		return nil, err
	}
	return ISOTPAddr{i, binary.NativeEndian.Uint32(raw[8:]), binary.NativeEndian.Uint32(raw[12:])}, nil
}

// The options of ISO-TP sockets. They are set before the socket is bound.
var (
	ISOTP            = socket.NewStruct[ISOTPOptions]("CAN_ISOTP_OPTS", option(106, 1))
	ISOTPFlowControl = socket.NewStruct[FlowControl]("CAN_ISOTP_RECV_FC", option(106, 2))
	ISOTPTxSTMin     = socket.NewDuration("CAN_ISOTP_TX_STMIN", option(106, 3), time.Nanosecond) // with ForceTxSTMin
	ISOTPRxSTMin     = socket.NewDuration("CAN_ISOTP_RX_STMIN", option(106, 4), time.Nanosecond) // with ForceRxSTMin
	ISOTPLinkLayer   = socket.NewStruct[LinkLayer]("CAN_ISOTP_LL_OPTS", option(106, 5))
)

// ISOTPFlags are those of ISOTPOptions.
type ISOTPFlags uint32

// The flags have the kernel's numbers.
const (
	ListenMode      ISOTPFlags = 0x0001 // send no flow control
	ExtendAddress   ISOTPFlags = 0x0002 // the first byte is an address
	TxPadding       ISOTPFlags = 0x0004
	RxPadding       ISOTPFlags = 0x0008
	CheckPadLength  ISOTPFlags = 0x0010
	CheckPadData    ISOTPFlags = 0x0020
	HalfDuplex      ISOTPFlags = 0x0040
	ForceTxSTMin    ISOTPFlags = 0x0080
	ForceRxSTMin    ISOTPFlags = 0x0100
	RxExtendAddress ISOTPFlags = 0x0200 // with another address for receiving
	WaitTxDone      ISOTPFlags = 0x0400 // a write ends when the message is on the bus, and reports its failure
	SingleBroadcast ISOTPFlags = 0x0800 // send single frames to many
)

// ISOTPOptions is struct can_isotp_options.
type ISOTPOptions struct {
	Flags        ISOTPFlags
	FrameTxTime  uint32 // ns per frame, instead of what the bus takes
	ExtAddress   uint8
	TxPad, RxPad uint8
	RxExtAddress uint8
}

// FlowControl is struct can_isotp_fc_options: the parameters that this side
// sends to a sender.
type FlowControl struct {
	BlockSize uint8 // frames between two flow controls; 0 is all
	STMin     uint8 // time between frames: ms up to 0x7f, 100 µs units from 0xf1 to 0xf9
	MaxWaits  uint8
}

// LinkLayer is struct can_isotp_ll_options: for FD frames MTU is 72 and
// TxLength up to 64.
type LinkLayer struct{ MTU, TxLength, TxFlags uint8 }

// DialISOTP opens an ISO-TP connection. prepare, if it is not nil, may set the
// options above. Write waits until the message is on the bus and returns
// failures, such as a missing receiver, unless prepare clears the flag
// WaitTxDone.
//
// ISO-TP has neither an end of a connection nor back-pressure from the
// receiver: a receiver that does not read loses messages.
func DialISOTP(a ISOTPAddr, prepare func(*socket.Socket) error) (*socket.Socket, error) {
	return FamilyISOTP.Open(socket.Datagram, protoISOTP, func(s *socket.Socket) error {
		return startISOTP(s, a, prepare)
	})
}

func startISOTP(s *socket.Socket, a ISOTPAddr, prepare func(*socket.Socket) error) error {
	if a.Interface == 0 {
		return &net.OpError{Op: "dial", Net: "can", Addr: a, Err: fmt.Errorf("ISO-TP needs an interface")}
	}
	o, err := ISOTP.Get(s)
	if err != nil {
		return err
	}
	o.Flags |= WaitTxDone
	if err := ISOTP.Set(s, o); err != nil {
		return err
	}
	if prepare != nil {
		if err := prepare(s); err != nil {
			return err
		}
	}
	return s.Bind(a)
}

// StreamISOTP is like DialISOTP but returns a stream, for protocols such as
// TLS.
func StreamISOTP(_ context.Context, a ISOTPAddr) (*socket.StreamConn, error) {
	s, err := DialISOTP(a, nil)
	if err != nil {
		return nil, err
	}
	return socket.StreamOver(s, MaxISOTPSend, MaxISOTPReceive)
}
