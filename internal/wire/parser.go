package wire

import (
	"fmt"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/codec"
)

// A parser reads one message, or one extension of it, and remembers the first
// thing that is wrong. After that every method returns zero values, so that a
// message's parser reads like its struct in the RFC and asks for the error
// once, at the end.
//
// Encodings that cannot be a message are a decode_error, values that the RFC
// forbids an illegal_parameter (RFC 9846, Section 6.2).
type parser struct {
	codec.Reader
	message iana.HandshakeType
	ext     iana.ExtensionType // meaningful if inExt
	inExt   bool
	twice   iana.Alert // for an extension that stands twice
	err     *ParseError
}

func parse(message iana.HandshakeType, body []byte) parser {
	p := parser{Reader: codec.NewReader(body), message: message, twice: iana.AlertIllegalParameter}
	switch message {
	case iana.HandshakeClientHello, iana.HandshakeServerHello, iana.HandshakeEncryptedExtensions:
		p.twice = iana.AlertDecodeError
	}
	return p
}

// within returns a parser for a part of the message, with no error yet. Its
// error goes back with merge.
func (p *parser) within(b []byte) parser {
	part := *p
	part.Reader, part.err = codec.NewReader(b), nil
	return part
}

func (p *parser) merge(part *parser) {
	if p.err == nil && part.err != nil {
		p.err = part.err
		p.Rest()
	}
}

// fail records an error and empties the parser, so that loops over it end.
func (p *parser) fail(alert iana.Alert, field, reason string) {
	if p.err != nil {
		return
	}
	if p.inExt && field == "" {
		field = p.ext.String()
	} else if p.inExt {
		field = p.ext.String() + ": " + field
	}
	p.err = &ParseError{Message: p.message, Field: field, Reason: reason, Alert: alert}
	p.Rest()
}

func (p *parser) malformed(field, reason string) { p.fail(iana.AlertDecodeError, field, reason) }
func (p *parser) illegal(field, reason string)   { p.fail(iana.AlertIllegalParameter, field, reason) }

// end demands that everything was read and returns the error, if any.
func (p *parser) end() error {
	if p.err == nil && !p.Empty() {
		p.malformed("", plural(p.Len(), "byte")+" left over")
	}
	if p.err != nil {
		return p.err
	}
	return nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

const truncated = "truncated"

func (p *parser) uint8(field string) uint8 {
	v, ok := p.Uint8()
	if !ok {
		p.malformed(field, truncated)
	}
	return v
}

func (p *parser) uint16(field string) uint16 {
	v, ok := p.Uint16()
	if !ok {
		p.malformed(field, truncated)
	}
	return v
}

func (p *parser) uint24(field string) uint32 {
	v, ok := p.Uint24()
	if !ok {
		p.malformed(field, truncated)
	}
	return v
}

func (p *parser) uint32(field string) uint32 {
	v, ok := p.Uint32()
	if !ok {
		p.malformed(field, truncated)
	}
	return v
}

// fixed fills dst.
func (p *parser) fixed(field string, dst []byte) {
	b, ok := p.Bytes(len(dst))
	if !ok {
		p.malformed(field, truncated)
		return
	}
	copy(dst, b)
}

// vector8 reads <least..most>, its length in one byte. The result is not nil
// unless there is an error.
func (p *parser) vector8(field string, least, most int) []byte {
	b, ok := p.Vector8()
	return p.bounded(field, b, ok, least, most)
}

// vector16 reads <least..2^16-1>.
func (p *parser) vector16(field string, least int) []byte {
	b, ok := p.Vector16()
	return p.bounded(field, b, ok, least, 1<<16-1)
}

// vector24 reads <least..2^24-1>.
func (p *parser) vector24(field string, least int) []byte {
	b, ok := p.Vector24()
	return p.bounded(field, b, ok, least, 1<<24-1)
}

func (p *parser) bounded(field string, b []byte, ok bool, least, most int) []byte {
	switch {
	case p.err != nil:
		return nil
	case !ok:
		p.malformed(field, truncated)
		return nil
	case len(b) == 0 && least > 0:
		p.malformed(field, "empty")
		return nil
	case len(b) < least:
		p.malformed(field, plural(len(b), "byte")+fmt.Sprintf(", at least %d needed", least))
		return nil
	case len(b) > most:
		p.malformed(field, plural(len(b), "byte")+fmt.Sprintf(", at most %d allowed", most))
		return nil
	}
	return b
}

// list16 splits the content of a vector of two-byte numbers. At least one is
// needed.
func list16[T ~uint16](p *parser, field string, b []byte) []T {
	if p.err != nil {
		return nil
	}
	if len(b) == 0 || len(b)%2 != 0 {
		p.malformed(field, plural(len(b), "byte")+" is not a list of two-byte values")
		return nil
	}
	list := make([]T, len(b)/2)
	for i := range list {
		list[i] = T(b[2*i])<<8 | T(b[2*i+1])
	}
	return list
}

// list8 copies the content of a vector of one-byte numbers.
func list8[T ~uint8](b []byte) []T {
	if len(b) == 0 {
		return nil
	}
	list := make([]T, len(b))
	for i := range list {
		list[i] = T(b[i])
	}
	return list
}

// blobs reads, to the end, vectors with a length of width bytes (1, 2 or 3)
// and at least one byte of content. The result is not nil.
func (p *parser) blobs(field string, b []byte, width int) [][]byte {
	part := p.within(b)
	defer p.merge(&part)
	list := make([][]byte, 0, count(b, width))
	for !part.Empty() {
		var one []byte
		switch width {
		case 1:
			one = part.vector8(field, 1, 1<<8-1)
		case 2:
			one = part.vector16(field, 1)
		default:
			one = part.vector24(field, 1)
		}
		list = append(list, one)
	}
	return list
}

// count walks over vectors with a length of width bytes and returns how many
// there are, so that their slice is made once. The result never exceeds the
// bytes of b.
func count(b []byte, width int) int {
	n := 0
	for r := codec.NewReader(b); !r.Empty(); n++ {
		var ok bool
		switch width {
		case 1:
			_, ok = r.Vector8()
		case 2:
			_, ok = r.Vector16()
		default:
			_, ok = r.Vector24()
		}
		if !ok {
			break
		}
	}
	return n
}

// distinct reports whether no value stands twice in list. Short lists, which
// all honest ones are, are compared without allocating.
func distinct[T comparable](list []T) bool {
	if len(list) > 64 {
		seen := make(map[T]struct{}, len(list))
		for _, v := range list {
			seen[v] = struct{}{}
		}
		return len(seen) == len(list)
	}
	for i := range list {
		for j := range i {
			if list[i] == list[j] {
				return false
			}
		}
	}
	return true
}
