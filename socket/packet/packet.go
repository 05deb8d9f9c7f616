package packet

import (
	"encoding/binary"
	"fmt"
	"net"

	"github.com/sealsock/sealsock/socket"
)

// Family is packet sockets.
var Family = socket.Family{Name: "packet", Number: number, Module: "af_packet", Decode: decode}

// An EtherType is the protocol of a frame.
type EtherType uint16

// Some of the protocols.
const (
	All  EtherType = 0x0003 // to receive: every protocol
	IPv4 EtherType = 0x0800
	ARP  EtherType = 0x0806
	VLAN EtherType = 0x8100
	IPv6 EtherType = 0x86dd
)

// A Direction is the origin of a frame that the socket received.
type Direction uint8

// The directions have the kernel's numbers.
const (
	ToHost      Direction = 0 // to this machine
	Broadcast   Direction = 1
	Multicast   Direction = 2
	ToOther     Direction = 3 // to another machine, received in promiscuous mode
	Outgoing    Direction = 4 // sent by this machine
	LoopedBack  Direction = 5
	FastRouted  Direction = 6
	maxHardware           = 8
)

// An Addr is the source of a received frame or the destination of a frame to
// send. It is comparable.
type Addr struct {
	Interface int       // index
	Protocol  EtherType // to bind: 0 receives nothing
	Direction Direction // of a received frame
	Type      uint16    // of the interface: ARPHRD_ numbers; 1 is Ethernet
	Hardware  string    // the other station's address: bytes, at most 8
}

var _ socket.Addr = Addr{}

// On returns the address of an interface, given by its name, for frames of a
// protocol.
func On(name string, p EtherType) (Addr, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return Addr{}, &net.OpError{Op: "resolve", Net: "packet", Err: fmt.Errorf("interface %q: %w", name, err)}
	}
	return Addr{Interface: i.Index, Protocol: p}, nil
}

// To returns the address with the station that a cooked frame is for.
func (a Addr) To(station net.HardwareAddr) Addr {
	a.Hardware = string(station)
	return a
}

// HardwareAddr returns the other station's address.
func (a Addr) HardwareAddr() net.HardwareAddr { return net.HardwareAddr(a.Hardware) }

// Network returns "packet".
func (a Addr) Network() string { return "packet" }

// String returns the interface's index, the protocol in hexadecimal, and the
// station if there is one: "2/0x800/02:00:00:00:00:01".
func (a Addr) String() string {
	s := fmt.Sprintf("%d/%#x", a.Interface, uint16(a.Protocol))
	if a.Hardware != "" {
		s += "/" + a.HardwareAddr().String()
	}
	return s
}

// AppendSockaddr appends a struct sockaddr_ll.
func (a Addr) AppendSockaddr(b []byte) ([]byte, error) {
	if len(a.Hardware) > maxHardware {
		return b, fmt.Errorf("a hardware address of %d bytes, more than %d", len(a.Hardware), maxHardware)
	}
	b = socket.AppendHeader(b, number, 20)
	b = binary.BigEndian.AppendUint16(b, uint16(a.Protocol))
	b = binary.NativeEndian.AppendUint32(b, uint32(a.Interface))
	b = binary.NativeEndian.AppendUint16(b, a.Type)
	b = append(b, byte(a.Direction), byte(len(a.Hardware)))
	b = append(b, a.Hardware...)
	return append(b, make([]byte, maxHardware-len(a.Hardware))...), nil
}

func decode(raw []byte) (socket.Addr, error) {
	if len(raw) < 12 || len(raw) < 12+int(raw[11]) || raw[11] > maxHardware {
		return nil, fmt.Errorf("struct sockaddr_ll of %d bytes", len(raw))
	}
	return Addr{
		Protocol:  EtherType(binary.BigEndian.Uint16(raw[2:])),
		Interface: int(int32(binary.NativeEndian.Uint32(raw[4:]))),
		Type:      binary.NativeEndian.Uint16(raw[8:]),
		Direction: Direction(raw[10]),
		Hardware:  string(raw[12 : 12+raw[11]]),
	}, nil
}

// The options of packet sockets.
var (
	AddMembership  = socket.NewStruct[Membership]("PACKET_ADD_MEMBERSHIP", option(1))
	DropMembership = socket.NewStruct[Membership]("PACKET_DROP_MEMBERSHIP", option(2))
	Statistics     = socket.NewStruct[Stats]("PACKET_STATISTICS", option(6)) // reading clears them; read only
	AuxData        = socket.NewBool("PACKET_AUXDATA", option(8))             // messages come with Auxiliary
	FanOut         = socket.NewInt("PACKET_FANOUT", option(18))              // share frames among the sockets of a group
	QdiscBypass    = socket.NewBool("PACKET_QDISC_BYPASS", option(20))       // send past the interface's queue
	IgnoreOutgoing = socket.NewBool("PACKET_IGNORE_OUTGOING", option(23))    // do not receive frames that this machine sends
)

// Level is SOL_PACKET, the level of the options and the ancillary data.
const Level = 263

// option returns the numbers of an option of SOL_PACKET.
func option(name int) socket.OptionNumber {
	if number < 0 {
		return socket.OptionNumber{}
	}
	return socket.OptionNumber{Level: Level, Name: name}
}

// Membership is struct packet_mreq: further frames for an interface to receive.
type Membership struct {
	Interface int32
	Kind      uint16 // 0 a multicast address, 1 everything, 2 every multicast, 3 a unicast address
	Length    uint16 // of the address
	Address   [8]byte
}

// The kinds of Membership that need no address.
const (
	Promiscuous  = 1
	AllMulticast = 2
)

// Stats is struct tpacket_stats.
type Stats struct {
	Packets uint32 // received, those dropped included
	Drops   uint32
}

// Auxiliary is struct tpacket_auxdata: the ancillary data of a frame.
type Auxiliary struct {
	Status                   uint32
	Length, Captured         uint32 // of the frame, and of what was received
	LinkHeader, NetHeader    uint16 // where they begin
	VLANTag, VLANTagProtocol uint16
}

// ParseAuxiliary finds the Auxiliary among the ancillary data of a message.
func ParseAuxiliary(items []socket.Ancillary) (a Auxiliary, ok bool) {
	for _, item := range items {
		raw, is := item.(socket.RawAncillary)
		if is && raw.Level == Level && raw.Type == 8 && len(raw.Data) >= binary.Size(a) {
			_, err := binary.Decode(raw.Data, binary.NativeEndian, &a)
			return a, err == nil
		}
	}
	return a, false
}

// Open opens a socket for frames on an interface, as On returns it; typ is Raw
// or Datagram. Interface 0 is all of them. A filter, if there is one, is in
// force before the first frame arrives.
func Open(typ socket.Type, a Addr, filter ...Instruction) (*socket.PacketConn, error) {
	// Without a protocol the socket receives nothing until it is bound.
	s, err := Family.Open(typ, 0, func(s *socket.Socket) error {
		if len(filter) > 0 {
			if err := SetFilter(s, filter); err != nil {
				return err
			}
		}
		return s.Bind(a)
	})
	if err != nil {
		return nil, err
	}
	return s.PacketConn(), nil
}

// An Instruction is one of a classic BPF program: struct sock_filter.
type Instruction struct {
	Op     uint16
	JT, JF uint8
	K      uint32
}

// maxFilter is the number of instructions in a program: BPF_MAXINSNS.
const maxFilter = 4096

// SetFilter drops the frames for which a BPF program returns 0. It works for
// sockets of other families too.
func SetFilter(s *socket.Socket, program []Instruction) error {
	if len(program) == 0 || len(program) > maxFilter {
		return &net.OpError{Op: "set", Net: s.Family().Name, Err: fmt.Errorf("a filter of %d instructions is not in 1 to %d", len(program), maxFilter)}
	}
	return setFilter(s, program)
}
