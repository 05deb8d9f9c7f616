package hyperv

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/sealsock/sealsock/socket"
)

// Family is Hyper-V sockets.
var Family = socket.Family{Name: "hyperv", Number: number, Decode: decode}

// Protocol is HV_PROTOCOL_RAW, the only one; its options have it as their level.
const Protocol = 1

// A GUID names a machine or a service, as the 16 bytes of its text in order. It
// is comparable.
type GUID [16]byte

// GUIDs with a meaning of their own.
var (
	Wildcard  = GUID{} // to listen: every machine
	Broadcast = MustParseGUID("ffffffff-ffff-ffff-ffff-ffffffffffff")
	Children  = MustParseGUID("90db8b89-0d35-4f79-8ce9-49ea0ac8b7cd") // to listen: the machines of this host
	Loopback  = MustParseGUID("e0e16197-dd56-4a10-9195-5ee7a155a838") // this machine
	Parent    = MustParseGUID("a42e7cda-d03f-480c-9cc2-a4de20abb878") // the host of this machine
)

// vsockService is the template for services of Linux machines, with the vsock
// port in the first 8 digits.
var vsockService = MustParseGUID("00000000-facb-11e6-bd58-64006a7986d3")

// ParseGUID reads "a42e7cda-d03f-480c-9cc2-a4de20abb878", with or without braces.
func ParseGUID(text string) (GUID, error) {
	bare := text
	if strings.HasPrefix(bare, "{") && strings.HasSuffix(bare, "}") {
		bare = bare[1 : len(bare)-1]
	}
	var g GUID
	if len(bare) != 36 || bare[8] != '-' || bare[13] != '-' || bare[18] != '-' || bare[23] != '-' {
		return g, fmt.Errorf("%q is not a GUID", text)
	}
	b, err := hex.DecodeString(bare[:8] + bare[9:13] + bare[14:18] + bare[19:23] + bare[24:])
	if err != nil {
		return g, fmt.Errorf("%q is not a GUID", text)
	}
	return GUID(b), nil
}

// MustParseGUID is like ParseGUID but panics on an error. It is meant for
// constants.
func MustParseGUID(text string) GUID {
	g, err := ParseGUID(text)
	if err != nil {
		panic(err)
	}
	return g
}

// VsockService returns the GUID of a Linux machine's vsock port.
func VsockService(port uint32) GUID {
	g := vsockService
	binary.BigEndian.PutUint32(g[:], port)
	return g
}

// String returns the text without braces.
func (g GUID) String() string {
	s := hex.EncodeToString(g[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// append appends a struct GUID, whose first three fields are little-endian.
func (g GUID) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, binary.BigEndian.Uint32(g[:]))
	b = binary.LittleEndian.AppendUint16(b, binary.BigEndian.Uint16(g[4:]))
	b = binary.LittleEndian.AppendUint16(b, binary.BigEndian.Uint16(g[6:]))
	return append(b, g[8:]...)
}

func guidOf(raw []byte) GUID {
	var g GUID
	binary.BigEndian.PutUint32(g[:], binary.LittleEndian.Uint32(raw))
	binary.BigEndian.PutUint16(g[4:], binary.LittleEndian.Uint16(raw[4:]))
	binary.BigEndian.PutUint16(g[6:], binary.LittleEndian.Uint16(raw[6:]))
	copy(g[8:], raw[8:16])
	return g
}

// An Addr is a machine and a service. It is comparable.
type Addr struct{ VM, Service GUID }

var _ socket.Addr = Addr{}

// Network returns "hyperv".
func (a Addr) Network() string { return "hyperv" }

// String returns "machine/service".
func (a Addr) String() string { return a.VM.String() + "/" + a.Service.String() }

// AppendSockaddr appends a SOCKADDR_HV.
func (a Addr) AppendSockaddr(b []byte) ([]byte, error) {
	b = socket.AppendHeader(b, afHyperV, 36)
	b = append(b, 0, 0)
	return a.Service.append(a.VM.append(b)), nil
}

// afHyperV is AF_HYPERV.
const afHyperV = 34

func decode(raw []byte) (socket.Addr, error) {
	if len(raw) < 36 {
		return nil, fmt.Errorf("struct SOCKADDR_HV of %d bytes", len(raw))
	}
	return Addr{guidOf(raw[4:]), guidOf(raw[20:])}, nil
}

// MaxConnectTimeout is the longest ConnectTimeout.
const MaxConnectTimeout = 300 * time.Second

// AddressPassThrough is HVSOCKET_ADDRESS_FLAG_PASSTHRU, a flag of the addresses
// in Windows's own registry.
const AddressPassThrough = 1

// The options of Hyper-V sockets.
var (
	ConnectTimeout   = socket.NewDuration("HVSOCKET_CONNECT_TIMEOUT", option(0x01), time.Millisecond)
	PassThrough      = socket.NewBool("HVSOCKET_CONTAINER_PASSTHRU", option(0x02))
	ConnectedSuspend = socket.NewBool("HVSOCKET_CONNECTED_SUSPEND", option(0x04)) // stay connected while the machine is suspended
)

// option returns the numbers of an option.
func option(name int) socket.OptionNumber {
	if number < 0 {
		return socket.OptionNumber{}
	}
	return socket.OptionNumber{Level: Protocol, Name: name}
}

// Dial connects to a machine's service.
func Dial(ctx context.Context, a Addr) (*socket.Socket, error) {
	return Family.Dial(ctx, socket.Stream, Protocol, a)
}

// Listen accepts connections to a service, which must be registered on the host.
func Listen(a Addr) (*socket.Listener, error) {
	return Family.Listen(socket.Stream, Protocol, a)
}
