package admit

import (
	"net"
	"net/netip"
	"strings"
)

// Bits of an address that identify a client: an IPv6 client has a whole network of
// 64 bits to itself.
const (
	bits4 = 32
	bits6 = 64
)

// AddressOf returns the IP address of a peer, unmapped and without its zone, or the zero Addr. The
// name of a UNIX-domain socket is none: its peer chooses it, and may choose one that looks like an
// address and a port.
func AddressOf(peer net.Addr) netip.Addr {
	var ap netip.AddrPort
	switch a := peer.(type) {
	case nil, *net.UnixAddr: // which may be nil, or not name its network
	case interface{ AddrPort() netip.AddrPort }:
		ap = a.AddrPort()
	default:
		if !strings.HasPrefix(a.Network(), "unix") {
			ap, _ = netip.ParseAddrPort(a.String())
		}
	}
	return ap.Addr().Unmap().WithZone("")
}

// NetworkOf returns what a client's address counts as. An address that is not of
// IP has no bound of its own.
func NetworkOf(peer net.Addr) netip.Prefix {
	ip, bits := AddressOf(peer), bits6
	if ip.Is4() {
		bits = bits4
	}
	network, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}
