//go:build darwin || freebsd

package socket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

func tosItem(v uint8) RawAncillary {
	return RawAncillary{unix.IPPROTO_IP, unix.IP_TOS, []byte{v}}
}

func (Credentials) encode() (RawAncillary, error) {
	return RawAncillary{}, fmt.Errorf("credentials cannot be chosen on %s: the kernel writes them: %w", runtime.GOOS, errors.ErrUnsupported)
}

func (SegmentSize) encode() (RawAncillary, error) {
	return RawAncillary{}, fmt.Errorf("segment size: not on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// encode writes a struct in6_pktinfo, or for IPv4 the source address alone
// (IP_SENDSRCADDR, which has the number of IP_RECVDSTADDR).
func (p PacketInfo) encode() (RawAncillary, error) {
	if !p.Addr.Is4() {
		return encodeIPv6Info(p), nil
	}
	if p.Interface != 0 {
		return RawAncillary{}, fmt.Errorf("the interface of an IPv4 packet cannot be chosen on %s: %w", runtime.GOOS, errors.ErrUnsupported)
	}
	return RawAncillary{unix.IPPROTO_IP, unix.IP_RECVDSTADDR, p.Addr.AsSlice()}, nil
}

func decodeAncillary(raw RawAncillary) (Ancillary, error) {
	switch raw.Level {
	case unix.SOL_SOCKET:
		switch raw.Type {
		case unix.SCM_RIGHTS:
			return decodeRights(raw.Data)
		case unix.SCM_TIMESTAMP:
			return decodeTime(raw.Data)
		}
	case unix.IPPROTO_IP:
		return decodeIPv4Level(raw)
	case unix.IPPROTO_IPV6:
		switch raw.Type {
		case unix.IPV6_PKTINFO:
			return decodeIPv6Info(raw.Data)
		case unix.IPV6_TCLASS:
			v, err := smallNumber(raw.Data)
			return TOS{Value: v, IPv6: true}, err
		case unix.IPV6_HOPLIMIT:
			v, err := smallNumber(raw.Data)
			return HopLimit{Value: v, IPv6: true}, err
		}
	}
	return raw, nil
}

func decodeIPv4Level(raw RawAncillary) (Ancillary, error) {
	switch raw.Type {
	case unix.IP_RECVTTL:
		v, err := smallNumber(raw.Data)
		return HopLimit{Value: v}, err
	case unix.IP_RECVTOS:
		v, err := smallNumber(raw.Data)
		return TOS{Value: v}, err
	case unix.IP_RECVDSTADDR:
		if err := wrongSize(raw.Data, 4); err != nil {
			return nil, err
		}
		return PacketInfo{Addr: netip.AddrFrom4([4]byte(raw.Data))}, nil
	}
	return raw, nil
}

// decodeTime reads a struct timeval, whose second half has 4 bytes on macOS.
func decodeTime(data []byte) (Ancillary, error) {
	if err := wrongSize(data, 12); err != nil {
		return nil, err
	}
	sec, micro := int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint32(data[8:]))
	return Timestamp{time.Unix(sec, micro*int64(time.Microsecond))}, nil
}
