package wire

import (
	"fmt"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/codec"
)

// HeaderLen is the length in bytes of what stands before every handshake
// message's body: its type and its length. RFC 9846, Section 4.
//
//	struct {
//	    HandshakeType msg_type;
//	    uint24 length;
//	    ... body
//	} Handshake;
const HeaderLen = 4

// ParseHeader reads the header at the start of b: the type, and the length of
// the body in bytes. It is not ok if b is shorter than a header.
func ParseHeader(b []byte) (typ iana.HandshakeType, length int, ok bool) {
	if len(b) < HeaderLen {
		return 0, 0, false
	}
	return iana.HandshakeType(b[0]), int(b[1])<<16 | int(b[2])<<8 | int(b[3]), true
}

// AppendHeader appends a header for a body of length bytes, which must be
// below 2^24.
func AppendHeader(b []byte, typ iana.HandshakeType, length int) []byte {
	return append(b, byte(typ), byte(length>>16), byte(length>>8), byte(length))
}

// ParseEmpty checks a message that has no content: HelloRequest and
// ServerHelloDone in TLS 1.2 (RFC 5246, Sections 7.4.1.1 and 7.4.5),
// EndOfEarlyData in TLS 1.3 (RFC 9846, Section 4.5).
func ParseEmpty(typ iana.HandshakeType, body []byte) error {
	p := parse(typ, body)
	return p.end()
}

// AppendEmpty appends a message that has no content.
func AppendEmpty(b []byte, typ iana.HandshakeType) []byte { return AppendHeader(b, typ, 0) }

// MessageHash returns the synthetic message that stands for the first
// ClientHello in the transcript once a HelloRetryRequest was sent. hash is the
// hash of that ClientHello, at most 255 bytes. RFC 9846, Section 4.4.1.
func MessageHash(hash []byte) []byte {
	return append(AppendHeader(make([]byte, 0, HeaderLen+len(hash)), iana.HandshakeMessageHash, len(hash)), hash...)
}

// begin starts a message: header first, its length filled in by end.
func begin(buf []byte, typ iana.HandshakeType) (codec.Builder, codec.Mark) {
	b := codec.NewBuilder(buf)
	b.AddUint8(uint8(typ))
	return b, b.Begin(3)
}

// end finishes what begin started and names the message in its error.
func end(b *codec.Builder, m codec.Mark, typ iana.HandshakeType) ([]byte, error) {
	b.End(m)
	buf, err := b.Bytes()
	if err != nil {
		return buf, fmt.Errorf("%s: %w", typ, err)
	}
	return buf, nil
}
