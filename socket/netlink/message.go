package netlink

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// A Message is one netlink message.
//
//	struct nlmsghdr {
//	        __u32 nlmsg_len;
//	        __u16 nlmsg_type;
//	        __u16 nlmsg_flags;
//	        __u32 nlmsg_seq;
//	        __u32 nlmsg_pid;
//	};
type Message struct {
	Type     uint16
	Flags    Flags
	Sequence uint32
	Port     uint32
	Data     []byte // the protocol's header and its attributes
}

// Flags are those of a message's header.
type Flags uint16

// The flags of requests.
const (
	Request Flags = 0x1
	Multi   Flags = 0x2 // one of many parts
	Ack     Flags = 0x4
	Echo    Flags = 0x8

	Root   Flags = 0x100 // for GET: the whole table
	Match  Flags = 0x200 // for GET: all that match
	Atomic Flags = 0x400
	Dump         = Root | Match

	Replace   Flags = 0x100 // for NEW: instead of what is there
	Exclusive Flags = 0x200 // for NEW: only if nothing is there
	Create    Flags = 0x400
	Append    Flags = 0x800

	capped  Flags = 0x100 // in an error: the request's data is left out
	ackTLVs Flags = 0x200 // in an error: attributes follow
)

const (
	headerSize = 16

	typeNoop  = 1
	typeError = 2
	typeDone  = 3

	attrMessage = 1 // NLMSGERR_ATTR_MSG

	attrMask = 0x3fff // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
)

// AppendMessage appends a message and the padding behind it.
func AppendMessage(b []byte, m Message) []byte {
	b = binary.NativeEndian.AppendUint32(b, uint32(headerSize+len(m.Data)))
	b = binary.NativeEndian.AppendUint16(b, m.Type)
	b = binary.NativeEndian.AppendUint16(b, uint16(m.Flags))
	b = binary.NativeEndian.AppendUint32(b, m.Sequence)
	b = binary.NativeEndian.AppendUint32(b, m.Port)
	return pad(append(b, m.Data...), len(m.Data))
}

// ParseMessages reads the messages of one datagram. Their Data is part of b.
func ParseMessages(b []byte) ([]Message, error) {
	var all []Message
	for len(b) > 0 {
		if len(b) < headerSize {
			return nil, fmt.Errorf("a message header of %d bytes", len(b))
		}
		size := binary.NativeEndian.Uint32(b)
		if size < headerSize || uint64(size) > uint64(len(b)) {
			return nil, fmt.Errorf("a message of %d bytes in a datagram with %d left", size, len(b))
		}
		m := Message{
			Type:     binary.NativeEndian.Uint16(b[4:]),
			Flags:    Flags(binary.NativeEndian.Uint16(b[6:])),
			Sequence: binary.NativeEndian.Uint32(b[8:]),
			Port:     binary.NativeEndian.Uint32(b[12:]),
			Data:     b[headerSize:size:size],
		}
		if m.Type != typeNoop {
			all = append(all, m)
		}
		b = b[min(align(int(size)), len(b)):]
	}
	return all, nil
}

// An Attribute is a type and a value: struct nlattr.
type Attribute struct {
	Type uint16 // without the flag bits
	Data []byte
}

// Text returns the value as text, without the NUL behind it.
func (a Attribute) Text() string { return strings.TrimRight(string(a.Data), "\x00") }

// Uint32 returns the value as a number in the machine's byte order, and false
// if it does not have 4 bytes.
func (a Attribute) Uint32() (uint32, bool) {
	if len(a.Data) != 4 {
		return 0, false
	}
	return binary.NativeEndian.Uint32(a.Data), true
}

// AppendAttribute appends an attribute and the padding behind it. Data longer
// than 65,531 bytes does not fit one and is an error of the program: it panics.
func AppendAttribute(b []byte, typ uint16, data []byte) []byte {
	if len(data) > 0xffff-4 {
		panic(fmt.Sprintf("netlink: an attribute of %d bytes", len(data)))
	}
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(data)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	return pad(append(b, data...), len(data))
}

// AppendText appends an attribute whose value is text and a NUL.
func AppendText(b []byte, typ uint16, text string) []byte {
	return AppendAttribute(b, typ, append([]byte(text), 0))
}

// AppendUint32 appends an attribute whose value is a number in the machine's
// byte order.
func AppendUint32(b []byte, typ uint16, v uint32) []byte {
	return AppendAttribute(b, typ, binary.NativeEndian.AppendUint32(nil, v))
}

// ParseAttributes reads attributes one behind the other. Their Data is part of
// b; that of a nested attribute can be parsed again.
func ParseAttributes(b []byte) ([]Attribute, error) {
	var all []Attribute
	for len(b) > 0 {
		if len(b) < 4 {
			return nil, fmt.Errorf("an attribute header of %d bytes", len(b))
		}
		size := int(binary.NativeEndian.Uint16(b))
		if size < 4 || size > len(b) {
			return nil, fmt.Errorf("an attribute of %d bytes with %d left", size, len(b))
		}
		all = append(all, Attribute{binary.NativeEndian.Uint16(b[2:]) & attrMask, b[4:size:size]})
		b = b[min(align(size), len(b)):]
	}
	return all, nil
}

// align rounds up to a multiple of 4.
func align(n int) int { return (n + 3) &^ 3 }

// pad appends what is missing behind n bytes.
func pad(b []byte, n int) []byte { return append(b, make([]byte, align(n)-n)...) }
