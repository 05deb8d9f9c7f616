package socket

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

// An Ancillary is one item of the data that is sent beside a message's bytes.
// The types of this package are its only implementations; [RawAncillary] holds
// every kind that has no type of its own.
type Ancillary interface {
	// encode returns the item as the system takes it. Items that only arrive
	// return an error.
	encode() (RawAncillary, error)
}

// maxRights is the number of descriptors that one message carries: SCM_MAX_FD
// of Linux.
const maxRights = 253

// RawAncillary is an item as the system has it.
type RawAncillary struct {
	Level, Type int
	Data        []byte // when parsed, part of the parsed slice
}

// Rights are descriptors: SCM_RIGHTS. Received ones are open, close-on-exec and
// the receiver's to close.
type Rights struct{ FDs []int }

// Credentials identify the process that sent a message, as checked by the kernel:
// SCM_CREDENTIALS of Linux. A process without privileges can send only its own.
type Credentials struct{ PID, UID, GID int }

// ProcessFD is a descriptor of the process that sent a message, open and the
// receiver's to close: SCM_PIDFD of Linux 6.5, with the option PassProcessFD.
type ProcessFD struct{ FD int }

// Timestamp is when a message arrived: SCM_TIMESTAMP or SCM_TIMESTAMPNS.
type Timestamp struct{ Time time.Time }

// PacketInfo is where an IP packet arrived, or is to be sent from: IP_PKTINFO
// and IPV6_PKTINFO.
type PacketInfo struct {
	Addr      netip.Addr // arriving: the packet's destination; sending: its source, or the zero Addr
	Interface int        // the interface's index, or 0
	Local     netip.Addr // arriving IPv4 only: the interface's own address
}

// TOS is the IPv4 type of service or the IPv6 traffic class; its two low bits
// are explicit congestion notification (RFC 3168, Section 5).
type TOS struct {
	Value uint8
	IPv6  bool
}

// HopLimit is the IPv4 time to live or the IPv6 hop limit.
type HopLimit struct {
	Value uint8
	IPv6  bool
}

// OriginalDestination is where a redirected packet was sent to.
type OriginalDestination struct{ Addr netip.AddrPort }

// ExtendedError is an entry of a socket's error queue, received with the flag
// ErrQueue: struct sock_extended_err of Linux.
type ExtendedError struct {
	Errno    syscall.Errno
	Origin   uint8 // 1 local, 2 ICMP, 3 ICMPv6, 4 transmit time stamp, 5 zero copy
	Type     uint8 // of the ICMP message
	Code     uint8
	Info     uint32 // such as the path MTU
	Data     uint32
	Offender netip.Addr // the node that reported the error, if known
}

// SegmentSize is the length in bytes of the datagrams that a large send is cut
// into, or that a large receive was put together from: UDP_SEGMENT and UDP_GRO.
type SegmentSize struct{ Bytes int }

// Dropped is the number of messages that the socket's queue had no room for:
// SO_RXQ_OVFL.
type Dropped struct{ Count uint32 }

// SecurityLabel is the sender's label under SELinux and its like: SCM_SECURITY.
type SecurityLabel struct{ Label string }

func (r RawAncillary) encode() (RawAncillary, error) { return r, nil }

// ControlSpace returns the bytes that an item with dataLen bytes of data takes
// in a Message's Control: CMSG_SPACE.
func ControlSpace(dataLen int) int { return controlHeader + controlAlign(dataLen) }

// ControlLen returns the bytes that an item with dataLen bytes of data takes
// when it is the last one: CMSG_LEN.
func ControlLen(dataLen int) int { return controlHeader + dataLen }

// AppendAncillary appends the items, encoded for a Message's Control.
func AppendAncillary(b []byte, items ...Ancillary) ([]byte, error) {
	for _, item := range items {
		raw, err := item.encode()
		if err != nil {
			return b, err
		}
		b = appendControl(b, raw)
	}
	return b, nil
}

// ParseAncillary reads the ancillary data of a received message, which is
// m.Control[:m.ControlN]. Items of a kind that this package has no type for are
// RawAncillary values, and so are those that are malformed: the error is about
// the first of these. All that could be read is returned with it, so that
// received descriptors are not lost.
func ParseAncillary(b []byte) (items []Ancillary, err error) {
	for len(b) > 0 {
		raw, rest, cut := cutControl(b)
		if cut != nil {
			return items, errors.Join(err, cut)
		}
		item, bad := decodeAncillary(raw)
		if bad != nil {
			item = raw
			if err == nil {
				err = fmt.Errorf("ancillary data of level %d and type %d: %w", raw.Level, raw.Type, bad)
			}
		}
		items = append(items, item)
		b = rest
	}
	return items, err
}

// ParseRawAncillary reads ancillary data without decoding the items. It is for
// families whose levels have the numbers of another's: ParseAncillary takes
// SOL_HCI for IPPROTO_IP.
func ParseRawAncillary(b []byte) (items []RawAncillary, err error) {
	for len(b) > 0 {
		raw, rest, err := cutControl(b)
		if err != nil {
			return items, err
		}
		items = append(items, raw)
		b = rest
	}
	return items, nil
}

func wrongSize(data []byte, want int) error {
	if len(data) < want {
		return fmt.Errorf("%d bytes, fewer than %d", len(data), want)
	}
	return nil
}

func onlyArrives(what string) error {
	return fmt.Errorf("%s cannot be sent: it can only be received", what)
}
