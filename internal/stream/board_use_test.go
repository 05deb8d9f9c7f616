package stream

import (
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// TestSpreadPanic: a connection below that panics in the middle of a Write leaves no helper with
// the caller's data, and on the board nothing of this connection, which the Write of another one
// would send.
func TestSpreadPanic(t *testing.T) {
	alwaysGains(t)
	processors(t, 4)
	b := newBoard()
	for _, last := range []int{1, 3} {
		writes := 0
		client, _ := hookedConn(t, func() error {
			if writes++; writes == last {
				panic("the connection below")
			}
			return nil
		})
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic is lost")
				}
			}()
			client.writeShares(b, randomBytes(30*copySize))
		}()
		if b.left() != 0 || b.waiting() != 0 {
			t.Fatalf("%d shares are left after a panic, and %d wait", b.left(), b.waiting())
		}
		for i := range b.shares {
			if s := &b.shares[i]; s.data != nil || s.buf != nil || s.sealed != nil {
				t.Error("a share keeps the memory of a Write that has panicked")
			}
		}
	}
}

// TestBoardOfBubble: a board that was made in a bubble of package synctest serves connections
// outside of it, too.
func TestBoardOfBubble(t *testing.T) {
	processors(t, 2)
	var b *board
	synctest.Test(t, func(*testing.T) { b = newBoard() })
	b.add()
	b.published.Add(1)
	b.taken.Add(1) // as a helper that the system has stopped
	done := make(chan struct{})
	go func() { b.oldest(); close(done) }()
	waitFor(t, "the writer blocks", b.blocked.Load)
	b.shares[0].done.Store(true)
	b.add()
	b.published.Add(1)
	helping.Add(1)
	b.helpers.Or(1 << 1)
	go b.help(1)
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Error("a helper did not wake the writer")
	}
}

// TestHelperEndsInBubble: a helper ends also where time stands still while it runs.
func TestHelperEndsInBubble(t *testing.T) {
	var late atomic.Bool
	defer time.AfterFunc(20*time.Second, func() { late.Store(true) }).Stop()
	synctest.Test(t, func(*testing.T) {
		b := newBoard()
		helping.Add(1)
		b.helpers.Or(1 << 1)
		go b.help(1)
		for b.helpers.Load() != 0 {
			if late.Load() {
				panic("a helper does not end") // the bubble would wait for it
			}
			runtime.Gosched()
		}
	})
}

// TestSpreadOnlyApart: where the writer itself has to seal, as in TLS 1.2, it does so in one
// buffer, and one batch after another, without a helper.
func TestSpreadOnlyApart(t *testing.T) {
	alwaysGains(t)
	processors(t, 4)
	idleHelpers(t)
	for name, change := range map[string]func(*engine.Config){
		"TLS 1.2":               func(c *engine.Config) { c.MinVersion, c.MaxVersion = iana.TLS12, iana.TLS12 },
		"padding":               func(c *engine.Config) { c.Padding = func(int) int { return 1 } },
		"a key for each record": func(c *engine.Config) { c.MaxRecordsPerKey = 1 },
	} {
		near, far := net.Pipe()
		client, _ := openedFor(t, near, far, change)
		setRaw(client, sink{near})
		b := newBoard()
		sent := randomBytes(20 * copySize)
		if n, err := client.writeShares(b, sent); n != copySize || err != nil {
			t.Errorf("%s: %d bytes are sealed in shares, %v", name, n, err)
		}
		if b.shelves[0].top.Load() == nil {
			t.Errorf("%s: records are in memory of their own", name)
		}
		if helping.Load() != 0 || b.left() != 0 {
			t.Errorf("%s: a helper runs, or %d shares are left", name, b.left())
		}
	}
}
