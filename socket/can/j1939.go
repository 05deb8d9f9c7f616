package can

import (
	"encoding/binary"
	"fmt"
	"net"

	"github.com/sealsock/sealsock/socket"
)

// FamilyJ1939 is CAN with the addresses of SAE J1939.
var FamilyJ1939 = family(decodeJ1939)

// Values with a meaning of their own.
const (
	NoName      uint64 = 0
	NoAddress   uint8  = 0xff // also: to everyone
	IdleAddress uint8  = 0xfe // has claimed none
	NoPGN       uint32 = 0x40000

	MaxUnicastAddress uint8  = 0xfd
	PGNRequest        uint32 = 0x0ea00
	PGNClaimed        uint32 = 0x0ee00
	PGNCommanded      uint32 = 0x0fed8
	PGNPDU1Max        uint32 = 0x3ff00
	PGNMax            uint32 = 0x3ffff
)

// A J1939Addr is a node and what it sends or receives. It is comparable.
type J1939Addr struct {
	Interface int    // index; 0 in the addresses of some received messages
	Name      uint64 // 64-bit name of a node, or NoName
	PGN       uint32 // parameter group, or NoPGN
	Address   uint8  // of a node, or NoAddress
}

var _ socket.Addr = J1939Addr{}

// Network returns "can".
func (a J1939Addr) Network() string { return "can" }

// String returns "interface/address", with ",pgn" and ",name" if they are given,
// in hexadecimal.
func (a J1939Addr) String() string {
	s := fmt.Sprintf("%s/%02x", interfaceName(a.Interface), a.Address)
	if a.PGN != NoPGN {
		s += fmt.Sprintf(",%05x", a.PGN)
	}
	if a.Name != NoName {
		s += fmt.Sprintf(",%016x", a.Name)
	}
	return s
}

// AppendSockaddr appends a struct sockaddr_can.
func (a J1939Addr) AppendSockaddr(b []byte) ([]byte, error) {
	if a.PGN > PGNMax && a.PGN != NoPGN {
		return b, fmt.Errorf("parameter group %#x is beyond %#x", a.PGN, PGNMax)
	}
	b = appendHead(b, a.Interface)
	b = binary.NativeEndian.AppendUint64(b, a.Name)
	b = binary.NativeEndian.AppendUint32(b, a.PGN)
	return append(b, a.Address, 0, 0, 0), nil
}

func decodeJ1939(raw []byte) (socket.Addr, error) {
	i, err := cutHead(raw, 21)
	if err != nil {
		return nil, err
	}
	return J1939Addr{i, binary.NativeEndian.Uint64(raw[8:]), binary.NativeEndian.Uint32(raw[16:]), raw[20]}, nil
}

// The options of J1939 sockets. SetJ1939Filters sets SO_J1939_FILTER. To send to
// everyone, set socket.Broadcasts.
var (
	J1939Promiscuous = socket.NewBool("SO_J1939_PROMISC", option(107, 2))  // receive messages for other nodes
	J1939Priority    = socket.NewInt("SO_J1939_SEND_PRIO", option(107, 3)) // 0 the highest to 7
	J1939ErrorQueue  = socket.NewBool("SO_J1939_ERRQUEUE", option(107, 4)) // report the progress of a long message
)

// Types of the ancillary data of J1939, at the level J1939Level.
const (
	J1939Level = 107 // SOL_CAN_J1939

	ControlDestAddress = 1 // SCM_J1939_DEST_ADDR: a byte
	ControlDestName    = 2 // SCM_J1939_DEST_NAME: 8 bytes
	ControlPriority    = 3 // SCM_J1939_PRIO: a byte
	ControlErrQueue    = 4 // SCM_J1939_ERRQUEUE
)

// A J1939Filter lets messages pass whose sender and parameter group equal its
// fields in the bits of the masks.
type J1939Filter struct {
	Name, NameMask       uint64
	PGN, PGNMask         uint32
	Address, AddressMask uint8
	_                    [6]byte
}

// maxJ1939Filters is J1939_FILTER_MAX.
const maxJ1939Filters = 512

// OpenJ1939 opens a socket that sends from a and receives messages for a.
func OpenJ1939(a J1939Addr) (*socket.PacketConn, error) {
	s, err := FamilyJ1939.Bind(socket.Datagram, protoJ1939, a)
	if err != nil {
		return nil, err
	}
	return s.PacketConn(), nil
}

// SetJ1939Filters replaces the filters of a socket; a message is received if it
// passes one of them, or if there are none. There can be 512.
func SetJ1939Filters(s *socket.Socket, filters ...J1939Filter) error {
	if len(filters) > maxJ1939Filters {
		return &net.OpError{Op: "set", Net: "can", Err: fmt.Errorf("%d filters, more than %d", len(filters), maxJ1939Filters)}
	}
	raw, err := binary.Append(nil, binary.NativeEndian, filters)
	if err != nil {
		return &net.OpError{Op: "set", Net: "can", Err: err}
	}
	return s.SetOption(option(J1939Level, 1), raw)
}
