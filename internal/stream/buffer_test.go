package stream

import (
	"testing"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/segment"
)

// TestBatches: each batch of a Write is one segment over loopback, and one system call.
func TestBatches(t *testing.T) {
	const largest = engine.MaxRecord - 5 - 256 // the data of a record
	for _, maxData := range []int{64, 1000, largest} {
		for n := 1; n < 1<<20; n += 1 + n/3 {
			calls := 0
			for left := n; left > 0; calls++ {
				part := batchLen(left, maxData)
				records := (part + maxData - 1) / maxData
				if size := part + records*segment.Overhead; part < 1 || size > segment.Size {
					t.Fatalf("%d of %d bytes in %d records of %d: %d", part, left, records, maxData, size)
				}
				left -= part
			}
			if most := 1 + n/min(batch*maxData, segment.Data); calls > most {
				t.Errorf("%d bytes in records of %d: %d batches, at most %d", n, maxData, calls, most)
			}
		}
	}
}
