package transfer

import (
	"net"
	"net/netip"
)

// A sender names addresses, and a receiver connects to them: a sender could make the receiver try
// the ports of other machines in its place, which a firewall keeps from the sender itself. So a
// receiver connects to few of them, all with the one port that a sender has: those that are in a
// network of this machine, and public ones, which the sender reaches too.
const (
	maxNear   = 4 // in networks of this machine
	maxPublic = 2
)

// leastPort is the lowest port that a receiver connects to. A system gives a sender, which asks
// for any port, none of those below it, where the services of other machines are.
const leastPort = 1024

// candidates returns the addresses that a receiver connects to. The networks are those of this
// machine.
func candidates(
	named []netip.AddrPort, networks []netip.Prefix, loopback bool,
) (chosen []netip.AddrPort) {
	near, public := 0, 0
	for _, a := range named {
		switch {
		case !usableAddr(a.Addr(), loopback) || a.Port() < leastPort || a.Port() != named[0].Port():
		case inNetwork(a.Addr(), networks):
			if near++; near <= maxNear {
				chosen = append(chosen, a)
			}
		case isPublic(a.Addr()):
			if public++; public <= maxPublic {
				chosen = append(chosen, a)
			}
		}
	}
	return chosen
}

// usableAddr reports whether an address may be used for a direct connection. Those that lead to
// this machine, to groups, or to nowhere are of no use, and another side that names them would
// make this one knock at programs that trust the machine.
func usableAddr(a netip.Addr, loopback bool) bool {
	return a.IsGlobalUnicast() || loopback && a.IsLoopback()
}

// inNetwork reports whether one of the networks has the address.
func inNetwork(a netip.Addr, networks []netip.Prefix) bool {
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// notPublic are the addresses that RFC 6890 lists, and its successors, which lead to a site, to a
// carrier, or nowhere, and those of IPv6 that have one of IPv4 within, which may be such a one. No
// sender that others reach has them.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),      // this network: RFC 1122, Section 3.2.1.3
	netip.MustParsePrefix("100.64.0.0/10"),  // of carriers, shared: RFC 6598, Section 7
	netip.MustParsePrefix("192.0.0.0/24"),   // of protocols: RFC 6890, Section 2.1
	netip.MustParsePrefix("198.18.0.0/15"),  // of benchmarks: RFC 2544, Appendix C.2.2
	netip.MustParsePrefix("240.0.0.0/4"),    // reserved: RFC 1112, Section 4
	netip.MustParsePrefix("::/96"),          // compatible with IPv4: RFC 4291, Section 2.5.5.1
	netip.MustParsePrefix("64:ff9b::/96"),   // translated to IPv4: RFC 6052, Section 2.1
	netip.MustParsePrefix("64:ff9b:1::/48"), // the same within a site: RFC 8215
	netip.MustParsePrefix("2001::/32"),      // Teredo: RFC 4380, Section 2.6
	netip.MustParsePrefix("2002::/16"),      // 6to4: RFC 3056, Section 2
	netip.MustParsePrefix("fec0::/10"),      // of sites, once: RFC 3879
}

// isPublic reports whether an address is not one of a site or of a carrier.
func isPublic(a netip.Addr) bool { return !a.IsPrivate() && !inNetwork(a, notPublic) }

// ownNetworks returns the addresses of this machine with the lengths of their networks.
func ownNetworks() (all []netip.Prefix) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, p)
		}
	}
	return all
}
