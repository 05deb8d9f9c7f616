package names

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// InetPton reads an address of a version of IP, 4 or 6, as its 4 or 16 bytes.
// IPv4 is four decimal numbers without leading zeros; zones are not taken.
func InetPton(version int, text string) ([]byte, error) {
	ip, err := netip.ParseAddr(text)
	switch {
	case version != 4 && version != 6:
		return nil, fmt.Errorf("IP version %d is neither 4 nor 6", version)
	case err != nil, ip.Is4() != (version == 4), ip.Zone() != "":
		return nil, fmt.Errorf("%q is not an IPv%d address", text, version)
	}
	return ip.AsSlice(), nil
}

// InetNtop writes 4 or 16 bytes as the address that they are, in its shortest
// form. version is 4 or 6 and must match the length. An IPv4-compatible address of
// IPv6 (RFC 4291, Section 2.5.5.1) ends in dotted form, "::1.2.3.4", as inet_ntop(3)
// writes it.
func InetNtop(version int, packed []byte) (string, error) {
	ip, ok := netip.AddrFromSlice(packed)
	if !ok || ip.Is4() != (version == 4) || version != 4 && version != 6 {
		return "", fmt.Errorf("%d bytes are not an IPv%d address", len(packed), version)
	}
	if version == 6 && [12]byte(packed) == [12]byte{} && packed[12]|packed[13] != 0 {
		return "::" + netip.AddrFrom4([4]byte(packed[12:])).String(), nil
	}
	return ip.String(), nil
}

// InetAton reads an IPv4 address in any of the forms that inet_aton(3) takes:
// one to four numbers, decimal, octal or hexadecimal, of which the last fills
// the rest of the 32 bits. "127.1" is 127.0.0.1, and so is "0x7f000001". For text
// that users enter, prefer netip.ParseAddr: they do not expect these forms.
func InetAton(text string) ([4]byte, error) {
	bad := fmt.Errorf("%q is not an IPv4 address", text)
	// What follows white space is ignored, as in the C library.
	if i := strings.IndexAny(text, whiteSpace); i >= 0 {
		text = text[:i]
	}
	parts := strings.Split(text, ".")
	if len(parts) > 4 {
		return [4]byte{}, bad
	}
	var n uint64
	for i, part := range parts {
		v, err := parseC(part)
		room := uint(8)
		if i == len(parts)-1 {
			room = uint(32 - 8*i)
		}
		if err != nil || v>>room != 0 {
			return [4]byte{}, bad
		}
		n = n<<room | v
	}
	return [4]byte(binary.BigEndian.AppendUint32(nil, uint32(n))), nil
}

// whiteSpace is what isspace of C accepts.
const whiteSpace = " \t\n\v\f\r"

// parseC reads a number as C's strtoul does with base 0.
func parseC(s string) (uint64, error) {
	switch {
	case s == "":
		return 0, errors.New("no number")
	case strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0X"):
		return strconv.ParseUint(s[2:], 16, 32)
	case s[0] == '0' && len(s) > 1:
		return strconv.ParseUint(s, 8, 32)
	}
	return strconv.ParseUint(s, 10, 32)
}

// InetNtoa writes an IPv4 address.
func InetNtoa(packed [4]byte) string { return netip.AddrFrom4(packed).String() }

// Htons turns a 16-bit number from the machine's byte order to the network's.
func Htons(n uint16) uint16 {
	if bigEndian {
		return n
	}
	return bits.ReverseBytes16(n)
}

// Ntohs turns a 16-bit number from the network's byte order to the machine's.
func Ntohs(n uint16) uint16 { return Htons(n) }

// Htonl turns a 32-bit number from the machine's byte order to the network's.
func Htonl(n uint32) uint32 {
	if bigEndian {
		return n
	}
	return bits.ReverseBytes32(n)
}

// Ntohl turns a 32-bit number from the network's byte order to the machine's.
func Ntohl(n uint32) uint32 { return Htonl(n) }

var bigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// Addresses of IPv4 with a meaning of their own.
var (
	Any               = netip.IPv4Unspecified()
	Broadcast         = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	Loopback          = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	UnspecifiedGroup  = netip.AddrFrom4([4]byte{224, 0, 0, 0})
	AllHostsGroup     = netip.AddrFrom4([4]byte{224, 0, 0, 1})
	MaximumLocalGroup = netip.AddrFrom4([4]byte{224, 0, 0, 255})
)

// Bounds of ports: those below ReservedPorts are for privileged programs, and
// those from UserReservedPorts on are for servers that anyone runs.
const (
	ReservedPorts     = 1024
	UserReservedPorts = 5000
)
