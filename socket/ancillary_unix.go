//go:build linux || darwin || freebsd

package socket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// controlHeader is the aligned size of struct cmsghdr.
var controlHeader = unix.CmsgLen(0)

// controlAlign rounds a data length up as CMSG_ALIGN does.
func controlAlign(n int) int { return unix.CmsgSpace(n) - unix.CmsgLen(0) }

var errControlCut = errors.New("ancillary data ends inside an item")

func appendControl(b []byte, raw RawAncillary) []byte {
	var h unix.Cmsghdr
	h.Level, h.Type = int32(raw.Level), int32(raw.Type)
	h.SetLen(unix.CmsgLen(len(raw.Data)))
	start := len(b)
	b = append(b, make([]byte, unix.CmsgSpace(len(raw.Data)))...)
	copy(b[start:], (*[unix.SizeofCmsghdr]byte)(unsafe.Pointer(&h))[:])
	copy(b[start+controlHeader:], raw.Data)
	return b
}

// cutControl reads the first item of b. The padding behind the last item may be
// missing.
func cutControl(b []byte) (raw RawAncillary, rest []byte, err error) {
	if len(b) < controlHeader {
		return raw, nil, errControlCut
	}
	var h unix.Cmsghdr
	copy((*[unix.SizeofCmsghdr]byte)(unsafe.Pointer(&h))[:], b)
	size := uint64(h.Len)
	if size < uint64(controlHeader) || size > uint64(len(b)) {
		return raw, nil, fmt.Errorf("%w: its length is %d bytes of %d", errControlCut, size, len(b))
	}
	raw = RawAncillary{int(h.Level), int(h.Type), b[controlHeader:size:size]}
	next := controlHeader + controlAlign(len(raw.Data))
	return raw, b[min(next, len(b)):], nil
}

func (r Rights) encode() (RawAncillary, error) {
	if len(r.FDs) > maxRights {
		return RawAncillary{}, tooManyRights(len(r.FDs))
	}
	var data []byte
	for _, fd := range r.FDs {
		data = binary.NativeEndian.AppendUint32(data, uint32(fd))
	}
	return RawAncillary{unix.SOL_SOCKET, unix.SCM_RIGHTS, data}, nil
}

func decodeRights(data []byte) (Ancillary, error) {
	var r Rights
	for ; len(data) >= 4; data = data[4:] {
		r.FDs = append(r.FDs, int(int32(binary.NativeEndian.Uint32(data))))
	}
	return r, nil
}

// encodeIPv6Info writes struct in6_pktinfo.
func encodeIPv6Info(p PacketInfo) RawAncillary {
	var data []byte
	if p.Addr.IsValid() {
		data = p.Addr.AsSlice()
	} else {
		data = make([]byte, 16)
	}
	data = binary.NativeEndian.AppendUint32(data, uint32(p.Interface))
	return RawAncillary{unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, data}
}

func decodeIPv6Info(data []byte) (Ancillary, error) {
	if err := wrongSize(data, 20); err != nil {
		return nil, err
	}
	addr := netip.AddrFrom16([16]byte(data))
	return PacketInfo{Addr: addr, Interface: int(binary.NativeEndian.Uint32(data[16:]))}, nil
}

// smallNumber reads an item that some systems write as a byte and some as an
// int.
func smallNumber(data []byte) (uint8, error) {
	switch {
	case len(data) >= 4:
		return uint8(binary.NativeEndian.Uint32(data)), nil
	case len(data) >= 1:
		return data[0], nil
	}
	return 0, wrongSize(data, 1)
}

func number(level, typ int, v uint8) RawAncillary {
	return RawAncillary{level, typ, binary.NativeEndian.AppendUint32(nil, uint32(v))}
}

func (t TOS) encode() (RawAncillary, error) {
	if t.IPv6 {
		return number(unix.IPPROTO_IPV6, unix.IPV6_TCLASS, t.Value), nil
	}
	return tosItem(t.Value), nil
}

func (h HopLimit) encode() (RawAncillary, error) {
	if h.IPv6 {
		return number(unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT, h.Value), nil
	}
	return number(unix.IPPROTO_IP, unix.IP_TTL, h.Value), nil
}

func (ProcessFD) encode() (RawAncillary, error) {
	return RawAncillary{}, onlyArrives("a descriptor of the sender")
}

func (Timestamp) encode() (RawAncillary, error) {
	return RawAncillary{}, onlyArrives("a time stamp")
}

func (OriginalDestination) encode() (RawAncillary, error) {
	return RawAncillary{}, onlyArrives("an original destination")
}

func (ExtendedError) encode() (RawAncillary, error) {
	return RawAncillary{}, onlyArrives("an error of the queue")
}

func (Dropped) encode() (RawAncillary, error) {
	return RawAncillary{}, onlyArrives("a count of dropped messages")
}

func (SecurityLabel) encode() (RawAncillary, error) {
	return RawAncillary{}, onlyArrives("a security label")
}
