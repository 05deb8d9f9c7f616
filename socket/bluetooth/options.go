package bluetooth

import (
	"context"
	"net"

	"github.com/sealsock/sealsock/socket"
)

// The options that L2CAP, RFCOMM and SCO share, at the level SOL_BLUETOOTH.
var (
	Security      = socket.NewStruct[SecurityLevel]("BT_SECURITY", option(274, 4))
	DeferSetup    = socket.NewBool("BT_DEFER_SETUP", option(274, 7)) // a listener's connections wait for the first read to be accepted
	Flushable     = socket.NewBool("BT_FLUSHABLE", option(274, 8))   // late data may be discarded
	ForceActive   = socket.NewStruct[uint8]("BT_POWER", option(274, 9))
	ChannelPolicy = socket.NewInt("BT_CHANNEL_POLICY", option(274, 10))    // 0 BR/EDR only, 1 and 2 prefer one kind of link
	Voice         = socket.NewStruct[uint16]("BT_VOICE", option(274, 11))  // SCO: VoiceTransparent or VoiceCVSD
	SendMTU       = socket.NewStruct[uint16]("BT_SNDMTU", option(274, 12)) // LE: bytes in a message; read only
	ReceiveMTU    = socket.NewStruct[uint16]("BT_RCVMTU", option(274, 13)) // LE
	PHY           = socket.NewInt("BT_PHY", option(274, 14))               // PHY bits in use; read only
	Mode          = socket.NewStruct[uint8]("BT_MODE", option(274, 15))    // of L2CAP: ModeBasic and so on
	PacketStatus  = socket.NewBool("BT_PKT_STATUS", option(274, 16))       // SCO: messages come with their state
	ISOQoS        = socket.NewBytes("BT_ISO_QOS", option(274, 17), 64)     // struct bt_iso_qos
	Codec         = socket.NewBytes("BT_CODEC", option(274, 19), 512)      // struct bt_codecs
)

// SecurityLevel is struct bt_security.
type SecurityLevel struct {
	Level   uint8
	KeySize uint8 // LE: bytes
}

// Values of SecurityLevel.Level.
const (
	SecuritySDP    = 0
	SecurityLow    = 1
	SecurityMedium = 2
	SecurityHigh   = 3
	SecurityFIPS   = 4
)

// Values of Voice.
const (
	VoiceTransparent      = 0x0003
	VoiceCVSD             = 0x0060 // 16 bits
	VoiceTransparent16Bit = 0x0063
)

// Values of Mode.
const (
	ModeBasic         = 0x00
	ModeERTM          = 0x01
	ModeStreaming     = 0x02
	ModeLEFlowControl = 0x03
	ModeExtFlow       = 0x04
)

// Bits of PHY: rate and slots of classic Bluetooth, and direction of LE.
const (
	PHYBR1M1Slot = 1 << iota
	PHYBR1M3Slot
	PHYBR1M5Slot
	PHYEDR2M1Slot
	PHYEDR2M3Slot
	PHYEDR2M5Slot
	PHYEDR3M1Slot
	PHYEDR3M3Slot
	PHYEDR3M5Slot
	PHYLE1MTx
	PHYLE1MRx
	PHYLE2MTx
	PHYLE2MRx
	PHYLECodedTx
	PHYLECodedRx
)

// bound opens a socket, has it prepared if prepare is not nil, and binds it.
func bound(f socket.Family, typ socket.Type, proto int, prepare func(*socket.Socket, net.Addr) error, a net.Addr) (*socket.Socket, error) {
	return f.Open(typ, proto, func(s *socket.Socket) error {
		if prepare != nil {
			if err := prepare(s, a); err != nil {
				return err
			}
		}
		return s.Bind(a)
	})
}

func dial(ctx context.Context, f socket.Family, typ socket.Type, proto int, prepare func(*socket.Socket, net.Addr) error, local, to net.Addr) (*socket.Socket, error) {
	s, err := bound(f, typ, proto, prepare, local)
	if err != nil {
		return nil, err
	}
	if err := s.Connect(ctx, to); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func listen(f socket.Family, typ socket.Type, proto int, prepare func(*socket.Socket, net.Addr) error, a net.Addr) (*socket.Listener, error) {
	s, err := bound(f, typ, proto, prepare, a)
	if err != nil {
		return nil, err
	}
	if err := s.Listen(0); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s.Listener(), nil
}
