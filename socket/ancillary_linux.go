package socket

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Numbers of linux/udp.h and asm-generic/socket.h that have other names in
// package unix, or none.
const (
	udpSegment  = 103
	udpGRO      = 104
	scmSecurity = 3
	scmPidfd    = 4
)

func tosItem(v uint8) RawAncillary { return number(unix.IPPROTO_IP, unix.IP_TOS, v) }

func (c Credentials) encode() (RawAncillary, error) {
	data := binary.NativeEndian.AppendUint32(nil, uint32(c.PID))
	data = binary.NativeEndian.AppendUint32(data, uint32(c.UID))
	return RawAncillary{unix.SOL_SOCKET, unix.SCM_CREDENTIALS, binary.NativeEndian.AppendUint32(data, uint32(c.GID))}, nil
}

// encode writes struct in_pktinfo or struct in6_pktinfo.
func (p PacketInfo) encode() (RawAncillary, error) {
	if p.Addr.Is6() {
		return encodeIPv6Info(p), nil
	}
	data := binary.NativeEndian.AppendUint32(nil, uint32(p.Interface))
	var source [4]byte
	if p.Addr.IsValid() {
		source = p.Addr.As4()
	}
	data = append(data, source[:]...)
	return RawAncillary{unix.IPPROTO_IP, unix.IP_PKTINFO, append(data, 0, 0, 0, 0)}, nil
}

func (s SegmentSize) encode() (RawAncillary, error) {
	if s.Bytes < 1 || s.Bytes > 65535 {
		return RawAncillary{}, fmt.Errorf("segment size %d is not in 1 to 65535", s.Bytes)
	}
	return RawAncillary{unix.IPPROTO_UDP, udpSegment, binary.NativeEndian.AppendUint16(nil, uint16(s.Bytes))}, nil
}

func decodeAncillary(raw RawAncillary) (Ancillary, error) {
	switch raw.Level {
	case unix.SOL_SOCKET:
		return decodeSocketLevel(raw)
	case unix.IPPROTO_IP:
		return decodeIPv4Level(raw)
	case unix.IPPROTO_IPV6:
		return decodeIPv6Level(raw)
	case unix.IPPROTO_UDP:
		if raw.Type == udpGRO {
			return decodeSegmentSize(raw.Data)
		}
	}
	return raw, nil
}

func decodeSocketLevel(raw RawAncillary) (Ancillary, error) {
	data := raw.Data
	switch raw.Type {
	case unix.SCM_RIGHTS:
		return decodeRights(data)
	case unix.SCM_CREDENTIALS:
		if err := wrongSize(data, 12); err != nil {
			return nil, err
		}
		u := func(i int) int { return int(int32(binary.NativeEndian.Uint32(data[i:]))) }
		return Credentials{u(0), u(4), u(8)}, nil
	case unix.SO_TIMESTAMP:
		return decodeTime(data, time.Microsecond)
	case unix.SO_TIMESTAMPNS:
		return decodeTime(data, time.Nanosecond)
	case unix.SO_RXQ_OVFL:
		if err := wrongSize(data, 4); err != nil {
			return nil, err
		}
		return Dropped{binary.NativeEndian.Uint32(data)}, nil
	case scmPidfd:
		if err := wrongSize(data, 4); err != nil {
			return nil, err
		}
		return ProcessFD{int(int32(binary.NativeEndian.Uint32(data)))}, nil
	case scmSecurity:
		return SecurityLabel{strings.TrimRight(string(data), "\x00")}, nil
	}
	return raw, nil
}

// decodeTime reads a struct timeval or timespec: two longs.
func decodeTime(data []byte, unit time.Duration) (Ancillary, error) {
	switch len(data) {
	case 8:
		sec, part := int32(binary.NativeEndian.Uint32(data)), int32(binary.NativeEndian.Uint32(data[4:]))
		return Timestamp{time.Unix(int64(sec), int64(part)*int64(unit))}, nil
	case 16:
		sec, part := int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:]))
		return Timestamp{time.Unix(sec, part*int64(unit))}, nil
	}
	return nil, fmt.Errorf("a time stamp of %d bytes", len(data))
}

func decodeIPv4Level(raw RawAncillary) (Ancillary, error) {
	data := raw.Data
	switch raw.Type {
	case unix.IP_PKTINFO:
		if err := wrongSize(data, 12); err != nil {
			return nil, err
		}
		return PacketInfo{
			Interface: int(binary.NativeEndian.Uint32(data)),
			Local:     netip.AddrFrom4([4]byte(data[4:])),
			Addr:      netip.AddrFrom4([4]byte(data[8:])),
		}, nil
	case unix.IP_TOS:
		v, err := smallNumber(data)
		return TOS{Value: v}, err
	case unix.IP_TTL:
		v, err := smallNumber(data)
		return HopLimit{Value: v}, err
	case unix.IP_ORIGDSTADDR:
		return decodeOriginal(data)
	case unix.IP_RECVERR:
		return decodeExtendedError(data)
	}
	return raw, nil
}

func decodeIPv6Level(raw RawAncillary) (Ancillary, error) {
	switch raw.Type {
	case unix.IPV6_PKTINFO:
		return decodeIPv6Info(raw.Data)
	case unix.IPV6_TCLASS:
		v, err := smallNumber(raw.Data)
		return TOS{Value: v, IPv6: true}, err
	case unix.IPV6_HOPLIMIT:
		v, err := smallNumber(raw.Data)
		return HopLimit{Value: v, IPv6: true}, err
	case unix.IPV6_ORIGDSTADDR:
		return decodeOriginal(raw.Data)
	case unix.IPV6_RECVERR:
		return decodeExtendedError(raw.Data)
	}
	return raw, nil
}

func decodeOriginal(data []byte) (Ancillary, error) {
	ap, ok := inetName(data)
	if !ok {
		return nil, fmt.Errorf("an address of %d bytes that is not of IP", len(data))
	}
	return OriginalDestination{ap}, nil
}

// inetName reads a struct sockaddr_in or sockaddr_in6.
func inetName(data []byte) (netip.AddrPort, bool) {
	family, ok := HeaderFamily(data)
	switch {
	case ok && family == unix.AF_INET && len(data) >= unix.SizeofSockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(data[4:])), binary.BigEndian.Uint16(data[2:])), true
	case ok && family == unix.AF_INET6 && len(data) >= unix.SizeofSockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(data[8:])), binary.BigEndian.Uint16(data[2:])), true
	}
	return netip.AddrPort{}, false
}

// decodeExtendedError reads a struct sock_extended_err and the address behind
// it.
func decodeExtendedError(data []byte) (Ancillary, error) {
	if err := wrongSize(data, 16); err != nil {
		return nil, err
	}
	e := ExtendedError{
		Errno:  syscall.Errno(binary.NativeEndian.Uint32(data)),
		Origin: data[4], Type: data[5], Code: data[6],
		Info: binary.NativeEndian.Uint32(data[8:]), Data: binary.NativeEndian.Uint32(data[12:]),
	}
	if ap, ok := inetName(data[16:]); ok {
		e.Offender = ap.Addr()
	}
	return e, nil
}

func decodeSegmentSize(data []byte) (Ancillary, error) {
	switch {
	case len(data) >= 4:
		return SegmentSize{int(binary.NativeEndian.Uint32(data))}, nil
	case len(data) >= 2:
		return SegmentSize{int(binary.NativeEndian.Uint16(data))}, nil
	}
	return nil, wrongSize(data, 2)
}
