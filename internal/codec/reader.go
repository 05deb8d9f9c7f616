// Package codec reads and writes the presentation language of TLS (RFC 9846,
// Section 3): big-endian integers and length-prefixed vectors.
//
// A Reader parses bytes from a peer and never reads past their end. A Builder
// appends to a buffer of the caller and fills in lengths afterwards. Neither
// allocates, except that a Builder grows a buffer without enough capacity.
package codec

// A Reader is a cursor over a byte slice. Each method consumes bytes from the
// front and reports whether there were enough. If not, the Reader does not
// move. Returned slices alias the input. Their capacity equals their length, so
// that an append never overwrites the bytes that follow.
//
// The zero Reader is empty. A copy of a Reader is an independent cursor.
type Reader struct{ rest []byte }

// NewReader returns a Reader over b, which it does not change.
func NewReader(b []byte) Reader { return Reader{b} }

// Len returns the number of unread bytes.
func (r *Reader) Len() int { return len(r.rest) }

// Empty reports whether everything was read.
func (r *Reader) Empty() bool { return len(r.rest) == 0 }

// Rest consumes all unread bytes.
func (r *Reader) Rest() []byte {
	b := r.rest
	r.rest = nil
	return b[:len(b):len(b)]
}

// Bytes consumes n bytes. It fails if n is negative.
func (r *Reader) Bytes(n int) ([]byte, bool) {
	if n < 0 || n > len(r.rest) {
		return nil, false
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b, true
}

// Uint consumes a number of width bytes, at most 8.
func (r *Reader) Uint(width int) (uint64, bool) {
	if len(r.rest) < width {
		return 0, false
	}
	var v uint64
	switch width {
	case 1:
		v = uint64(r.rest[0])
	case 2: // most are so long
		v = uint64(r.rest[0])<<8 | uint64(r.rest[1])
	default:
		for _, c := range r.rest[:width] {
			v = v<<8 | uint64(c)
		}
	}
	r.rest = r.rest[width:]
	return v, true
}

// Vector consumes a vector with a length of width bytes, at most 8.
func (r *Reader) Vector(width int) ([]byte, bool) {
	tail := *r
	n, ok := tail.Uint(width)
	if !ok || n > uint64(len(tail.rest)) {
		return nil, false
	}
	b := tail.rest[:n:n]
	r.rest = tail.rest[n:]
	return b, true
}
