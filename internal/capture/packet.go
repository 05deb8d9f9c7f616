package capture

import (
	"encoding/binary"
	"net/netip"
)

// A segment is what a packet has of a TCP connection.
type segment struct {
	from, to netip.AddrPort
	seq      uint32
	syn, fin bool
	reset    bool
	payload  []byte
}

// A parsing is the outcome of parsing a packet.
type parsing uint8

const (
	isSegment  parsing = iota
	isOther            // of another protocol
	isFragment         // of an IP packet
	isCut              // too short
)

// The link types that captures of TCP have. https://www.tcpdump.org/linktypes.html
const (
	linkNull     = 0
	linkEthernet = 1
	linkRawBSD   = 12
	linkRawOpen  = 14
	linkRaw      = 101
	linkLoop     = 108
	linkSLL      = 113
	linkIPv4     = 228
	linkIPv6     = 229
	linkSLL2     = 276
)

// The numbers of EtherType.
const (
	etherIPv4 = 0x0800
	etherVLAN = 0x8100
	etherIPv6 = 0x86dd
	etherQinQ = 0x88a8
	etherOld  = 0x9100
)

// knownLink reports whether packets of this type are parsed.
func knownLink(link uint32) bool {
	switch link {
	case linkNull, linkEthernet, linkRawBSD, linkRawOpen, linkRaw, linkLoop, linkSLL, linkIPv4,
		linkIPv6, linkSLL2:
		return true
	}
	return false
}

// parse finds the TCP segment in a packet.
func (f *frame) parse() (*segment, parsing) {
	b := f.data
	switch f.link {
	case linkEthernet:
		if len(b) < 14 {
			return nil, isCut
		}
		return parseEther(binary.BigEndian.Uint16(b[12:]), b[14:])
	case linkSLL:
		if len(b) < 16 {
			return nil, isCut
		}
		return parseEther(binary.BigEndian.Uint16(b[14:]), b[16:])
	case linkSLL2:
		if len(b) < 20 {
			return nil, isCut
		}
		return parseEther(binary.BigEndian.Uint16(b), b[20:])
	case linkNull, linkLoop:
		if len(b) < 4 {
			return nil, isCut
		}
		return parseIP(b[4:]) // the family has other numbers on each system
	}
	return parseIP(b)
}

// parseEther parses what follows an EtherType, past VLAN tags.
func parseEther(typ uint16, b []byte) (*segment, parsing) {
	for typ == etherVLAN || typ == etherQinQ || typ == etherOld {
		if len(b) < 4 {
			return nil, isCut
		}
		typ, b = binary.BigEndian.Uint16(b[2:]), b[4:]
	}
	if typ != etherIPv4 && typ != etherIPv6 {
		return nil, isOther
	}
	return parseIP(b)
}

// parseIP parses a packet of the version that its first byte has.
func parseIP(b []byte) (*segment, parsing) {
	switch {
	case len(b) == 0:
		return nil, isCut
	case b[0]>>4 == 4:
		return parseIPv4(b)
	case b[0]>>4 == 6:
		return parseIPv6(b)
	}
	return nil, isOther
}

const protocolTCP = 6

// parseIPv4 parses a packet of RFC 791. A total length of 0 is that of a packet that the
// network card cuts up.
func parseIPv4(b []byte) (*segment, parsing) {
	if len(b) < 20 {
		return nil, isCut
	}
	header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 {
		total = len(b)
	}
	switch {
	case header < 20 || total < header || len(b) < header:
		return nil, isCut
	case b[9] != protocolTCP:
		return nil, isOther
	case binary.BigEndian.Uint16(b[6:])&0x3fff != 0: // more fragments, or an offset
		return nil, isFragment
	}
	from, to := netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	return parseTCP(from, to, b[header:min(total, len(b))])
}

// parseIPv6 parses a packet of RFC 8200, past the extension headers.
func parseIPv6(b []byte) (*segment, parsing) {
	if len(b) < 40 {
		return nil, isCut
	}
	next, length := b[6], int(binary.BigEndian.Uint16(b[4:]))
	from, to := netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	if b = b[40:]; length > 0 {
		b = b[:min(length, len(b))]
	}
	for {
		switch next {
		case protocolTCP:
			return parseTCP(from, to, b)
		case 0, 43, 60: // hop-by-hop options, routing, destination options
			if len(b) < 8 || len(b) < 8+int(b[1])*8 {
				return nil, isCut
			}
			next, b = b[0], b[8+int(b[1])*8:]
		case 44:
			return nil, isFragment
		default:
			return nil, isOther
		}
	}
}

// parseTCP parses a segment of RFC 9293, Section 3.1.
func parseTCP(from, to netip.Addr, b []byte) (*segment, parsing) {
	if len(b) < 20 {
		return nil, isCut
	}
	header := int(b[12]>>4) * 4
	if header < 20 || len(b) < header {
		return nil, isCut
	}
	return &segment{
		from: netip.AddrPortFrom(from, binary.BigEndian.Uint16(b)),
		to:   netip.AddrPortFrom(to, binary.BigEndian.Uint16(b[2:])),
		seq:  binary.BigEndian.Uint32(b[4:]),
		fin:  b[13]&1 != 0, syn: b[13]&2 != 0, reset: b[13]&4 != 0,
		payload: b[header:],
	}, isSegment
}
