package codec

import "fmt"

// A Builder appends to a buffer. It records the first encoding error, such as a
// vector that is longer than its length field allows, and Bytes returns it, so
// that the calls in between need no checks.
//
// A vector whose length is not known in advance is written between Begin and End:
//
//	mark := b.Begin(2)
//	b.AddBytes(content)
//	b.End(mark)
//
// Such pairs nest. Make a Builder with NewBuilder.
type Builder struct {
	buf  []byte
	base int
	err  error
}

// NewBuilder returns a Builder that appends to buf, within its capacity if that
// suffices. The caller must not use buf until Bytes returns it.
func NewBuilder(buf []byte) Builder { return Builder{buf: buf, base: len(buf)} }

// Bytes returns the buffer with everything appended to it. After an error it
// returns the buffer as NewBuilder received it.
func (b *Builder) Bytes() ([]byte, error) {
	if b.err != nil {
		return b.buf[:b.base], b.err
	}
	return b.buf, nil
}

// Len returns the length of the whole buffer in bytes, including what was in
// it before.
func (b *Builder) Len() int { return len(b.buf) }

// Truncate discards everything after the first n bytes, where n is an earlier
// result of Len.
func (b *Builder) Truncate(n int) { b.buf = b.buf[:max(n, b.base)] }

// Fail records err, unless an error is recorded already. A nil err is ignored.
func (b *Builder) Fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// AddUint8 appends one byte.
func (b *Builder) AddUint8(v uint8) { b.buf = append(b.buf, v) }

// AddUint16 appends two bytes.
func (b *Builder) AddUint16(v uint16) { b.buf = append(b.buf, byte(v>>8), byte(v)) }

// AddUint24 appends three bytes. A v of 2^24 or more is an error.
func (b *Builder) AddUint24(v uint32) {
	if v >= 1<<24 {
		b.Fail(fmt.Errorf("%d does not fit into 24 bits", v))
	}
	b.buf = append(b.buf, byte(v>>16), byte(v>>8), byte(v))
}

// AddUint32 appends four bytes.
func (b *Builder) AddUint32(v uint32) {
	b.buf = append(b.buf, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}

// AddBytes appends p.
func (b *Builder) AddBytes(p []byte) { b.buf = append(b.buf, p...) }

// AddString appends s.
func (b *Builder) AddString(s string) { b.buf = append(b.buf, s...) }

// AddZeros appends n zero bytes, none if n is negative.
func (b *Builder) AddZeros(n int) {
	b.buf = append(b.buf, make([]byte, max(n, 0))...) // which makes no slice
}

// AddVector appends p, preceded by its length in width bytes.
func (b *Builder) AddVector(width int, p []byte) {
	mark := b.Begin(width)
	b.buf = append(b.buf, p...)
	b.End(mark)
}

// A Mark is the position at which a vector began.
type Mark struct{ at, width int }

// Begin starts a vector with a length of width bytes.
func (b *Builder) Begin(width int) Mark {
	m := Mark{len(b.buf), width}
	if width == 2 { // as most have
		b.buf = append(b.buf, 0, 0)
		return m
	}
	b.AddZeros(width)
	return m
}

// BeginNumbered appends two bytes and starts a vector behind them with a length of two bytes,
// as an extension has.
func (b *Builder) BeginNumbered(v uint16) Mark {
	b.buf = append(b.buf, byte(v>>8), byte(v), 0, 0)
	return Mark{len(b.buf) - 2, 2}
}

// End ends what Begin started.
func (b *Builder) End(m Mark) {
	n := len(b.buf) - m.at - m.width
	if n >= 1<<(8*m.width) {
		b.Fail(fmt.Errorf("vector of %d bytes: its length has only %d bits", n, 8*m.width))
		return
	}
	if m.width == 2 {
		b.buf[m.at], b.buf[m.at+1] = byte(n>>8), byte(n)
		return
	}
	for i := range m.width {
		b.buf[m.at+i] = byte(n >> (8 * (m.width - 1 - i)))
	}
}
