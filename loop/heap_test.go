package loop_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/sealsock/sealsock/loop"
)

// mostIdle bounds the heap of one end of an idle connection, in bytes. It holds some 1,510,
// and what the process does meanwhile is in the figure.
const mostIdle = 1600

// TestIdleHeap: an idle connection of a Group holds no buffer and no goroutine. Both ends
// are in it.
func TestIdleHeap(t *testing.T) {
	const pairs, first = 300, 20
	opened := make(chan *loop.Conn, 2*(pairs+first))
	var conns []*loop.Conn
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
		conns = append(conns, next(t, opened), next(t, opened))
	}
	rest := func() { // as they do when they are quiet for some seconds
		done := make(chan bool, 1)
		for _, c := range conns {
			c.Do(func(c *loop.Conn) {
				defer func() { done <- true }()
				c.GiveBack()
			})
			next(t, done)
		}
	}
	for range first {
		connect()
	}
	rest()
	heap, goroutines := inUse(), runtime.NumGoroutine()
	for range pairs {
		connect()
	}
	rest()
	each := int(inUse()-heap) / (2 * pairs)
	t.Logf("%d bytes of heap for each end", each)
	if each > mostIdle {
		t.Errorf("an idle end holds %d bytes of heap, more than %d", each, mostIdle)
	}
	if n := runtime.NumGoroutine(); n > goroutines+pairs/10 {
		t.Errorf("%d goroutines more for %d connections", n-goroutines, 2*pairs)
	}
}

// next receives what must come.
func next[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(time.Minute):
		t.Fatal("nothing comes")
	}
	return v
}

// TestQuietConnectionsRest: the loop makes connections that are quiet give their keys back.
func TestQuietConnectionsRest(t *testing.T) {
	opened := make(chan *loop.Conn, 2)
	h := &handler{open: func(c *loop.Conn) { opened <- c }}
	d, addr, g := serve(t, loop.Options{Loops: 1}, h)
	c, err := d.Dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Add(c, h); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c, rests := next(t, opened), make(chan bool, 1)
		for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			c.Do(func(c *loop.Conn) { rests <- c.Resting() })
			if next(t, rests) {
				break
			}
			if time.Now().After(end) {
				t.Fatal("a quiet connection keeps its keys")
			}
		}
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
