package dtls

import (
	"encoding/binary"

	"github.com/sealsock/sealsock/iana"
)

// FragmentHeaderLen is the length in bytes of what stands before each fragment. RFC 9147,
// Section 5.2:
//
//	struct {
//	    HandshakeType msg_type;
//	    uint24 length;
//	    uint16 message_seq;
//	    uint24 fragment_offset;
//	    uint24 fragment_length;
//	    ... body
//	} DTLSHandshake;
const FragmentHeaderLen = 12

// A Fragment is a part of a handshake message, or the whole of it.
type Fragment struct {
	Type   iana.HandshakeType
	Length int // of the body of the message, in bytes
	Seq    uint16
	Offset int
	Data   []byte
}

// ParseFragment takes the first fragment off the payload of a record. It is not ok if there
// is no whole one, or if it ends behind the end of its message.
func ParseFragment(b []byte) (f Fragment, rest []byte, ok bool) {
	if len(b) < FragmentHeaderLen {
		return f, nil, false
	}
	f = Fragment{
		Type: iana.HandshakeType(b[0]), Length: uint24(b[1:]),
		Seq: binary.BigEndian.Uint16(b[4:]), Offset: uint24(b[6:]),
	}
	n := uint24(b[9:])
	b = b[FragmentHeaderLen:]
	if n > len(b) || f.Offset > f.Length || n > f.Length-f.Offset {
		return f, nil, false
	}
	f.Data = b[:n:n]
	return f, b[n:], true
}

// AppendTo appends the fragment.
func (f Fragment) AppendTo(b []byte) []byte {
	b = appendUint24(append(b, byte(f.Type)), f.Length)
	b = binary.BigEndian.AppendUint16(b, f.Seq)
	b = appendUint24(appendUint24(b, f.Offset), len(f.Data))
	return append(b, f.Data...)
}

func uint24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

func appendUint24(b []byte, n int) []byte {
	return append(b, byte(n>>16), byte(n>>8), byte(n))
}
