package loop_test

import (
	"runtime"
	"testing"

	"github.com/sealsock/sealsock/loop"
)

// mostIdle bounds the heap of one end of an idle connection, in bytes.
const mostIdle = 3600

// TestIdleHeap: an idle connection of a Group holds no buffer and no goroutine. Both ends
// are in it.
func TestIdleHeap(t *testing.T) {
	const pairs, first = 300, 20
	opened := make(chan *loop.Conn, 2*(pairs+first))
	h := &handler{open: func(c *loop.Conn) { opened <- c }}
	d, addr, g := serve(t, loop.Options{Loops: 1}, h)
	connect := func() {
		c, err := d.Dial(t.Context(), addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Add(c, h); err != nil {
			t.Fatal(err)
		}
		<-opened
		<-opened
	}
	for range first {
		connect()
	}
	heap, goroutines := inUse(), runtime.NumGoroutine()
	for range pairs {
		connect()
	}
	each := int(inUse()-heap) / (2 * pairs)
	t.Logf("%d bytes of heap for each end", each)
	if each > mostIdle {
		t.Errorf("an idle end holds %d bytes of heap, more than %d", each, mostIdle)
	}
	if n := runtime.NumGoroutine(); n > goroutines+pairs/10 {
		t.Errorf("%d goroutines more for %d connections", n-goroutines, 2*pairs)
	}
}

// inUse returns the bytes of the heap that are reachable.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
