package admit

import "net/netip"

// Unmapped returns a network as the addresses of peers have it, which are unmapped:
// "::ffff:10.0.0.0/104" is 10.0.0.0/8, and would contain none of them otherwise.
func Unmapped(n netip.Prefix) netip.Prefix {
	const front = 96 // bits of a mapped address before that of IPv4: RFC 4291, Section 2.5.5.2
	if n.Addr().Is4In6() && n.Bits() >= front {
		return netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-front)
	}
	return n
}
