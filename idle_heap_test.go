package sealsock_test

import (
	"context"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/stream"
)

// mostIdle bounds the heap of one end of an idle connection over TCP whose Read waits, in
// bytes, once it rests.
const mostIdle = 2500

// TestIdleHeap: a connection of which a Read waits gives back its keys after some seconds.
// Both ends
// are in it, and the goroutines are not.
func TestIdleHeap(t *testing.T) {
	const pairs, first = 300, 20
	cc, sc := newConfigs(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := sealsock.NewListener(inner, sc)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d, err := sealsock.NewDialer(cc)
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan *sealsock.Conn, 1)
	go func() {
		for {
			c, err := l.AcceptConn(context.Background())
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	conns := make([]*sealsock.Conn, 0, 2*(pairs+first))
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	b := make([]byte, 1) // for all: nothing comes
	connect := func() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c, err := d.Dial(ctx, inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		s := <-accepted
		exchangeBoth(t, c, s)
		for _, c := range []*sealsock.Conn{c, s} {
			conns = append(conns, c)
			go c.Read(b)
		}
	}
	goroutines(2*(pairs+first) + 100)
	before := idleHeap(first, connect)
	each := int(idleHeap(pairs, connect)-before) / (2 * pairs)
	t.Logf("%d bytes of heap for each end", each)
	if each > mostIdle {
		t.Errorf("an idle end holds %d bytes of heap, more than %d", each, mostIdle)
	}
}

// idleHeap makes n pairs of connections, has those that wait rest, and returns the bytes of
// the heap that are reachable then.
func idleHeap(n int, connect func()) uint64 {
	for range n {
		connect()
	}
	var heap uint64
	for range 50 { // until each goroutine waits in the poller
		stream.SweepAll()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if m.HeapAlloc == heap {
			break
		}
		heap = m.HeapAlloc
		time.Sleep(20 * time.Millisecond)
	}
	return heap
}

// goroutines makes the runtime have n of them, whose memory it keeps for others.
func goroutines(n int) {
	var started, end sync.WaitGroup
	begin := make(chan struct{})
	for range n {
		started.Add(1)
		end.Go(func() {
			started.Done()
			<-begin
		})
	}
	started.Wait()
	close(begin)
	end.Wait()
}
