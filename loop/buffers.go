package loop

import "github.com/sealsock/sealsock/engine"

// Limits on the buffers that a loop keeps.
const (
	keptBuffers = 16
	keptSize    = 2 * readSize
	// smallPart bounds, in bytes, the parts of records that are kept in memory of their own
	// size. Larger ones have memory for a whole record: a peer makes a connection hold at most
	// four times what it has sent.
	smallPart = engine.MaxRecord / 4
)

// A buffers is a list of memory that no connection uses.
type buffers [][]byte

// take returns empty memory, or nil.
func (p *buffers) take() []byte {
	n := len(*p)
	if n == 0 {
		return nil
	}
	b := (*p)[n-1]
	*p = (*p)[:n-1]
	return b
}

// put keeps memory for other connections.
func (p *buffers) put(b []byte) {
	if len(*p) < keptBuffers && cap(b) > 0 && cap(b) <= keptSize {
		*p = append(*p, b[:0])
	}
}

// part returns empty memory for n bytes of a record, or of what came after a pause.
func (l *loop) part(n int) []byte {
	if n <= smallPart || n > engine.MaxRecord {
		return make([]byte, 0, n)
	}
	if b := l.parts.take(); b != nil {
		return b
	}
	return make([]byte, 0, engine.MaxRecord)
}

// putPart takes back what held a part of a record.
func (l *loop) putPart(b []byte) {
	if cap(b) >= engine.MaxRecord {
		l.parts.put(b)
	}
}
