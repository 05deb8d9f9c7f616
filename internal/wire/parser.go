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

// parsed returns what was read, or the error, at the end of a message.
func parsed[T any](m T, p *parser) (T, error) { return orNone(m, p.end()) }

// orNone returns a message, or none with an error.
func orNone[T any](m T, err error) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return m, nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

const truncated = "truncated"

// number reads a number of width bytes, at most 4.
func (p *parser) number(field string, width int) uint32 {
	v, ok := p.Uint(width)
	if !ok {
		p.malformed(field, truncated)
	}
	return uint32(v)
}

func (p *parser) uint8(field string) uint8   { return uint8(p.number(field, 1)) }
func (p *parser) uint16(field string) uint16 { return uint16(p.number(field, 2)) }
func (p *parser) uint24(field string) uint32 { return p.number(field, 3) }
func (p *parser) uint32(field string) uint32 { return p.number(field, 4) }

// fixed fills dst.
func (p *parser) fixed(field string, dst []byte) {
	b, ok := p.Bytes(len(dst))
	if !ok {
		p.malformed(field, truncated)
		return
	}
	copy(dst, b)
}

// vector8 reads <least..most>, its length in one byte, vector16 <least..2^16-1>, and
// vector24 <least..2^24-1>. The result is not nil unless there is an error.
func (p *parser) vector8(field string, least, most int) []byte {
	return p.vector(field, 1, least, most)
}

func (p *parser) vector16(field string, least int) []byte {
	return p.vector(field, 2, least, 1<<16-1)
}

func (p *parser) vector24(field string, least int) []byte {
	return p.vector(field, 3, least, 1<<24-1)
}

// vector reads a vector with a length of width bytes.
func (p *parser) vector(field string, width, least, most int) []byte {
	b, ok := p.Vector(width)
	switch {
	case p.err != nil:
		return nil
	case !ok:
		p.malformed(field, truncated)
	case len(b) == 0 && least > 0:
		p.malformed(field, "empty")
	case len(b) < least:
		p.malformed(field, plural(len(b), "byte")+fmt.Sprintf(", at least %d needed", least))
	case len(b) > most:
		p.malformed(field, plural(len(b), "byte")+fmt.Sprintf(", at most %d allowed", most))
	default:
		return b
	}
	return nil
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
	list := make([][]byte, 0, count(part.Reader, width))
	for !part.Empty() {
		list = append(list, part.vector(field, width, 1, 1<<(8*width)-1))
	}
	return list
}

// count walks over items and returns how many there are, so that their slice is made once.
// widths are those of the lengths of the vectors that an item consists of; a negative one
// is for a number of as many bytes. The result never exceeds the bytes of r.
func count(r codec.Reader, widths ...int) int {
	for n := 0; ; n++ {
		for _, width := range widths {
			ok := false
			if width < 0 {
				_, ok = r.Uint(-width)
			} else {
				_, ok = r.Vector(width)
			}
			if !ok {
				return n
			}
		}
	}
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
