package bluetooth

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/sealsock/sealsock/socket"
)

// FamilyHCI is Bluetooth with the addresses of HCI: Linux alone.
var FamilyHCI = socket.Family{Name: "hci", Number: numberHCI, Module: "bluetooth", Decode: decodeHCI}

// A Channel is the mode of an HCI socket.
type Channel uint16

// The channels have the kernel's numbers.
const (
	RawChannel     Channel = 0 // beside the kernel
	UserChannel    Channel = 1 // instead of the kernel
	MonitorChannel Channel = 2 // receive from all controllers
	ControlChannel Channel = 3 // the kernel's management interface
	LoggingChannel Channel = 4
)

// NoController is the index for channels that do not belong to one controller.
const NoController = 0xffff

// An HCIAddr is a controller and a channel. It is comparable.
type HCIAddr struct {
	Controller uint16 // index, or NoController
	Channel    Channel
}

var _ socket.Addr = HCIAddr{}

// Network returns "hci".
func (a HCIAddr) Network() string { return "hci" }

// String returns "hci0/0".
func (a HCIAddr) String() string {
	if a.Controller == NoController {
		return fmt.Sprintf("none/%d", a.Channel)
	}
	return fmt.Sprintf("hci%d/%d", a.Controller, a.Channel)
}

// AppendSockaddr appends a struct sockaddr_hci.
func (a HCIAddr) AppendSockaddr(b []byte) ([]byte, error) {
	b = socket.AppendHeader(b, number, 6)
	b = binary.NativeEndian.AppendUint16(b, a.Controller)
	return binary.NativeEndian.AppendUint16(b, uint16(a.Channel)), nil
}

func decodeHCI(raw []byte) (socket.Addr, error) {
	if len(raw) < 6 {
		return nil, fmt.Errorf("struct sockaddr_hci of %d bytes", len(raw))
	}
	return HCIAddr{binary.NativeEndian.Uint16(raw[2:]), Channel(binary.NativeEndian.Uint16(raw[4:]))}, nil
}

// HCIFilter is struct hci_ufilter: which packets a raw socket receives.
type HCIFilter struct {
	Types  uint32    // bits by packet type
	Events [2]uint32 // bits by event code
	Opcode uint16    // of the command that events are about; 0 is any
	_      uint16
}

// The options of HCI sockets.
var (
	HCIDirection = socket.NewBool("HCI_DATA_DIR", option(0, 1)) // packets come with their direction
	HCIFiltering = socket.NewStruct[HCIFilter]("HCI_FILTER", option(0, 2))
	HCITimestamp = socket.NewBool("HCI_TIME_STAMP", option(0, 3)) // packets come with their time
)

// HCIAncillary is the ancillary data of a packet if the options HCIDirection
// and HCITimestamp are set.
type HCIAncillary struct {
	Incoming bool      // from the controller
	Time     time.Time // of the packet; the zero time if it is absent
}

// ParseHCIAncillary reads the ancillary data of a received packet, which is
// m.Control[:m.ControlN] of its Message.
func ParseHCIAncillary(b []byte) (HCIAncillary, error) {
	var a HCIAncillary
	items, err := socket.ParseRawAncillary(b)
	for _, item := range items {
		switch { // SOL_HCI with HCI_CMSG_DIR and HCI_CMSG_TSTAMP
		case item.Level == 0 && item.Type == 1 && len(item.Data) >= 4:
			a.Incoming = binary.NativeEndian.Uint32(item.Data) != 0
		case item.Level == 0 && item.Type == 2 && len(item.Data) >= 16: // a struct timeval
			sec, micro := binary.NativeEndian.Uint64(item.Data), binary.NativeEndian.Uint64(item.Data[8:])
			a.Time = time.Unix(int64(sec), int64(micro)*int64(time.Microsecond))
		}
	}
	return a, err
}

// OpenHCI opens a socket on a controller's channel, which needs privileges for
// all but the raw channel.
func OpenHCI(a HCIAddr) (*socket.Socket, error) {
	return FamilyHCI.Bind(socket.Raw, protoHCI, a)
}

// A Controller is a Bluetooth adapter of this machine.
type Controller struct {
	Index  uint16
	Name   string // "hci0"
	Device Device
	Up     bool
}

// Controllers lists the adapters of this machine.
func Controllers() ([]Controller, error) { return controllers() }

// Start powers a controller up, which needs privileges. It returns nil if the
// controller is already up.
func (c Controller) Start() error { return c.start() }

// Stop powers a controller down.
func (c Controller) Stop() error { return c.stop() }

// SetVisible sets whether other devices can discover a controller and connect
// to it.
func (c Controller) SetVisible(discoverable, connectable bool) error {
	return c.setVisible(discoverable, connectable)
}
