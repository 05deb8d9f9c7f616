package divert

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sealsock/sealsock/socket"
)

// Family is AF_DIVERT of FreeBSD 14 and later.
var Family = socket.Family{Name: "divert", Number: number, Decode: decode, Takes: []int{afInet}}

const afInet = 2 // AF_INET

// An Addr is, to bind, the port that a firewall rule diverts to; of a packet,
// the rule that diverted it and where it came in. A packet that is sent to its
// source address continues after that rule. It is comparable.
type Addr struct {
	Port      uint16     // port, or number of the rule
	Incoming  netip.Addr // the interface's address; the zero Addr for packets going out
	Interface string     // the interface's name, at most 7 bytes
}

var _ socket.Addr = Addr{}

// Network returns "divert".
func (a Addr) Network() string { return "divert" }

// String returns the port or rule, and where an incoming packet came in.
func (a Addr) String() string {
	if !a.Incoming.IsValid() {
		return fmt.Sprint(a.Port)
	}
	return fmt.Sprintf("%d/%v/%s", a.Port, a.Incoming, a.Interface)
}

// AppendSockaddr appends a struct sockaddr_in, whose last 8 bytes are the
// interface's name.
func (a Addr) AppendSockaddr(b []byte) ([]byte, error) {
	if len(a.Interface) > 7 || a.Incoming.Is6() {
		return b, fmt.Errorf("divert address %v: an interface has an IPv4 address and a name of 7 bytes at most", a)
	}
	ip := netip.IPv4Unspecified()
	if a.Incoming.IsValid() {
		ip = a.Incoming
	}
	b = socket.AppendHeader(b, afInet, 16)
	b = binary.BigEndian.AppendUint16(b, a.Port)
	b = append(b, ip.AsSlice()...)
	b = append(b, a.Interface...)
	return append(b, make([]byte, 8-len(a.Interface))...), nil
}

func decode(raw []byte) (socket.Addr, error) {
	if len(raw) < 16 {
		return nil, fmt.Errorf("struct sockaddr_in of %d bytes", len(raw))
	}
	a := Addr{Port: binary.BigEndian.Uint16(raw[2:])}
	if ip := netip.AddrFrom4([4]byte(raw[4:])); !ip.IsUnspecified() {
		a.Incoming = ip
	}
	a.Interface, _, _ = strings.Cut(string(raw[8:15]), "\x00")
	return a, nil
}

// Open receives the packets that are diverted to a port.
func Open(port uint16) (*socket.PacketConn, error) {
	s, err := Family.Bind(socket.Raw, 0, Addr{Port: port})
	if err != nil {
		return nil, err
	}
	return s.PacketConn(), nil
}
