package reuse

import "sync"

// LargestDatagram is the size in bytes of the largest datagram of UDP.
const LargestDatagram = 1<<16 - 1

// A Buffer has room for a datagram of any size.
type Buffer struct {
	Room [LargestDatagram]byte
	used int
}

// Used notes that the first n bytes of Room were written to.
func (b *Buffer) Used(n int) { b.used = max(b.used, n) }

// A BufferPool is a [Pool] of Buffers, most of which were used in part: clearing all of one takes
// longer than receiving a handshake into it. Its zero value is ready. Any goroutine may use it.
type BufferPool struct{ pool sync.Pool }

// Get returns a Buffer that is zero. It belongs to the caller until Put.
func (p *BufferPool) Get() *Buffer {
	if b, ok := p.pool.Get().(*Buffer); ok {
		return b
	}
	return new(Buffer)
}

// Put takes a Buffer back, which nothing may use any more, and clears what of it was used.
func (p *BufferPool) Put(b *Buffer) {
	if b == nil {
		return
	}
	clear(b.Room[:b.used])
	b.used = 0
	p.pool.Put(b)
}
