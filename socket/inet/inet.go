package inet

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"github.com/sealsock/sealsock/socket"
)

// Family4 and Family6 are IPv4 and IPv6. An IPv6 socket also takes IPv4
// addresses in their mapped form, unless the option V6Only is set.
var (
	Family4 = Transport{Name: "inet"}.Family(4)
	Family6 = Transport{Name: "inet6"}.Family(6)
)

// An Addr is an IP address with a port. It is comparable.
type Addr struct {
	// AddrPort holds the address, its zone and the port; for raw sockets the
	// port is 0. A zone is an interface's index or name, for link-local IPv6
	// addresses.
	netip.AddrPort

	// FlowInfo is the traffic class and flow label of IPv6: 28 bits.
	FlowInfo uint32

	// Net is what Network returns; "ip" if it is empty.
	Net string
}

var _ socket.Addr = Addr{}

// AddrOf returns the address with the port, for sockets of any IP protocol.
func AddrOf(ip netip.Addr, port uint16) Addr { return Addr{AddrPort: netip.AddrPortFrom(ip, port)} }

// MustParse parses an address such as "[fe80::1%2]:443". It panics on an error
// and is meant for constants; use netip.ParseAddrPort for other text.
func MustParse(text string) Addr { return Addr{AddrPort: netip.MustParseAddrPort(text)} }

// Network returns a.Net, or "ip".
func (a Addr) Network() string {
	if a.Net == "" {
		return "ip"
	}
	return a.Net
}

// String returns "192.0.2.1:443" or "[2001:db8::1%2]:443". The flow information
// is not in it.
func (a Addr) String() string { return a.AddrPort.String() }

// AppendSockaddr appends a struct sockaddr_in or sockaddr_in6. A zone by name
// is looked up among the interfaces.
func (a Addr) AppendSockaddr(b []byte) ([]byte, error) {
	ip := a.Addr()
	switch {
	case ip.Is4():
		if a.FlowInfo != 0 {
			return b, fmt.Errorf("address %s: IPv4 has no flow information", a)
		}
		b = socket.AppendHeader(b, syscall.AF_INET, 16)
		b = binary.BigEndian.AppendUint16(b, a.Port())
		four := ip.As4()
		b = append(b, four[:]...)
		return append(b, 0, 0, 0, 0, 0, 0, 0, 0), nil
	case ip.Is6():
		if a.FlowInfo > 1<<28-1 {
			return b, fmt.Errorf("address %s: flow information %#x has more than 28 bits", a, a.FlowInfo)
		}
		scope, err := zoneIndex(ip.Zone())
		if err != nil {
			return b, fmt.Errorf("address %s: %w", a, err)
		}
		b = socket.AppendHeader(b, syscall.AF_INET6, 28)
		b = binary.BigEndian.AppendUint16(b, a.Port())
		b = binary.BigEndian.AppendUint32(b, a.FlowInfo)
		sixteen := ip.As16()
		b = append(b, sixteen[:]...)
		return binary.NativeEndian.AppendUint32(b, scope), nil
	}
	return b, fmt.Errorf("the zero IP address is not valid: use 0.0.0.0 or :: for any")
}

// zoneIndex returns the interface index that a zone stands for.
func zoneIndex(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	i, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, fmt.Errorf("zone %q is not an interface of this machine", zone)
	}
	return uint32(i.Index), nil
}

// Is6 reports whether the socket of the address has to be an IPv6 one.
func (a Addr) Is6() bool { return a.Addr().Is6() }

func decode(network string, raw []byte) (socket.Addr, error) {
	family, _ := socket.HeaderFamily(raw)
	switch {
	case family == syscall.AF_INET && len(raw) >= 8:
		ip := netip.AddrFrom4([4]byte(raw[4:]))
		return Addr{AddrPort: netip.AddrPortFrom(ip, binary.BigEndian.Uint16(raw[2:])), Net: network}, nil
	case family == syscall.AF_INET6 && len(raw) >= 28:
		ip := netip.AddrFrom16([16]byte(raw[8:]))
		if scope := binary.NativeEndian.Uint32(raw[24:]); scope != 0 {
			ip = ip.WithZone(strconv.FormatUint(uint64(scope), 10))
		}
		return Addr{
			AddrPort: netip.AddrPortFrom(ip, binary.BigEndian.Uint16(raw[2:])),
			FlowInfo: binary.BigEndian.Uint32(raw[4:]),
			Net:      network,
		}, nil
	}
	return nil, fmt.Errorf("struct sockaddr of family %d and %d bytes is not of IP", family, len(raw))
}

// convert takes the addresses of package net. For an IPv6 socket it maps IPv4
// addresses.
func convert(network string, six bool, a net.Addr) (socket.Addr, error) {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	case *net.IPAddr:
		if a != nil {
			ip, _ := netip.AddrFromSlice(a.IP)
			ap = netip.AddrPortFrom(ip.WithZone(a.Zone), 0)
		}
	default:
		return nil, fmt.Errorf("address %v of type %T is not of IP", a, a)
	}
	ip := ap.Addr()
	if ip.Is4In6() && !six {
		ip = ip.Unmap()
	}
	if ip.Is4() && six {
		ip = netip.AddrFrom16(ip.As16())
	}
	return Addr{AddrPort: netip.AddrPortFrom(ip, ap.Port()), Net: network}, nil
}
