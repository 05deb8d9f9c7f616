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

// Uint8 takes one byte.
func (r *Reader) Uint8() (uint8, bool) {
	v, ok := r.uint(1)
	return uint8(v), ok
}

// Uint16 takes two bytes.
func (r *Reader) Uint16() (uint16, bool) {
	v, ok := r.uint(2)
	return uint16(v), ok
}

// Uint24 takes three bytes.
func (r *Reader) Uint24() (uint32, bool) {
	v, ok := r.uint(3)
	return uint32(v), ok
}

// Uint32 takes four bytes.
func (r *Reader) Uint32() (uint32, bool) {
	v, ok := r.uint(4)
	return uint32(v), ok
}

// Uint64 takes eight bytes.
func (r *Reader) Uint64() (uint64, bool) { return r.uint(8) }

// Vector8 takes a vector with a length of one byte: <0..2^8-1>.
func (r *Reader) Vector8() ([]byte, bool) { return r.vector(1) }

// Vector16 takes a vector with a length of two bytes: <0..2^16-1>.
func (r *Reader) Vector16() ([]byte, bool) { return r.vector(2) }

// Vector24 takes a vector with a length of three bytes: <0..2^24-1>.
func (r *Reader) Vector24() ([]byte, bool) { return r.vector(3) }

func (r *Reader) uint(width int) (uint64, bool) {
	if len(r.rest) < width {
		return 0, false
	}
	var v uint64
	for _, c := range r.rest[:width] {
		v = v<<8 | uint64(c)
	}
	r.rest = r.rest[width:]
	return v, true
}

func (r *Reader) vector(width int) ([]byte, bool) {
	tail := *r
	n, ok := tail.uint(width)
	if !ok || n > uint64(len(tail.rest)) {
		return nil, false
	}
	b, _ := tail.Bytes(int(n))
	*r = tail
	return b, true
}
