package stream

import (
	"sync"

	"github.com/sealsock/sealsock/engine"
)

// Records go through the connection below in batches of this many.
const batch = 4

// bufferSize holds a batch of the largest records and the small ones that may
// stand in front of them.
const bufferSize = batch*(engine.MaxRecord) + 1024

// A buffer is room for a batch of records.
type buffer struct{ b [bufferSize]byte }

var buffers = sync.Pool{New: func() any { return new(buffer) }}

func getBuffer() *buffer { return buffers.Get().(*buffer) }

func putBuffer(b *buffer) { buffers.Put(b) }
