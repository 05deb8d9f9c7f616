package adapt

import (
	"sync"

	"github.com/sealsock/sealsock/engine"
)

const (
	// keptSize bounds the buffers that are kept for other connections.
	keptSize = 8 * engine.MaxRecord
	// smallPart bounds, in bytes, the parts of records that are kept in memory of their own
	// size. Larger ones have memory for a whole record: a peer makes a connection hold at most
	// four times what it has sent.
	smallPart = engine.MaxRecord / 4
)

// Buffers lend memory to the connections of an Endpoint, so that a record that comes or goes
// allocates nothing. The zero value is ready, and any goroutine may use it.
type buffers struct {
	full  sync.Pool // of *[]byte
	empty sync.Pool // of *[]byte without memory: a new one would be an allocation for each put
}

// get returns memory whose content is undefined, or nil.
func (p *buffers) get() []byte {
	h, ok := p.full.Get().(*[]byte)
	if !ok {
		return nil
	}
	b := *h
	*h = nil
	p.empty.Put(h)
	return b
}

// put takes back memory that nothing uses any more. It leaves much of it to the garbage collector.
func (p *buffers) put(b []byte) {
	if cap(b) == 0 || cap(b) > keptSize {
		return
	}
	h, ok := p.empty.Get().(*[]byte)
	if !ok {
		h = new([]byte)
	}
	*h = b[:0]
	p.full.Put(h)
}

// part returns empty memory for a record.
func (e *Endpoint) part() []byte {
	if b := e.parts.get(); b != nil {
		return b
	}
	return make([]byte, 0, engine.MaxRecord)
}

// putPart takes back what held a part of a record, if it came from part.
func (e *Endpoint) putPart(b []byte) {
	if cap(b) >= engine.MaxRecord {
		e.parts.put(b)
	}
}
