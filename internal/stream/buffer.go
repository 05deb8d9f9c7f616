package stream

import (
	"sync"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/segment"
)

// Records go through the connection below in batches of this many at most, which segment.Data
// counts on.
const batch = 4

// batchLen returns how many of n bytes go into the next batch of records, each of which holds
// maxData at most. The last two batches are of one size.
func batchLen(n, maxData int) int {
	most := min(batch*maxData, segment.Data)
	switch {
	case n <= most:
		return n
	case n < 2*most:
		return (n + 1) / 2
	}
	return most
}

// bufferSize holds a batch of the largest records and the small ones that may
// stand in front of them.
const bufferSize = batch*(engine.MaxRecord) + 1024

// smallSize holds most flights of a handshake.
const smallSize = 8 << 10

// A buffer is room for records: smallSize or bufferSize bytes.
type buffer struct {
	b []byte

	below  *buffer // on a shelf
	height int     // from its ground
}

func newBuffers(size int) sync.Pool {
	return sync.Pool{New: func() any { return &buffer{b: make([]byte, size)} }}
}

var buffers, smallBuffers = newBuffers(bufferSize), newBuffers(smallSize)

// getBuffer returns a buffer of at least n bytes, of which bufferSize is the most.
func getBuffer(n int) *buffer {
	if n <= smallSize {
		return smallBuffers.Get().(*buffer)
	}
	return buffers.Get().(*buffer)
}

func putBuffer(b *buffer) {
	if len(b.b) == smallSize {
		smallBuffers.Put(b)
		return
	}
	buffers.Put(b)
}
