package adapt_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/loop/adapt"
)

// TestSlowPeer: a connection whose peer takes nothing ends after half a minute, also if it holds
// less than Endpoint.WriteLimit, and is looked at rarely until then.
func TestSlowPeer(t *testing.T) {
	for name, limit := range map[string]int{"little": 0, "full": 100} {
		h := echo()
		inMemory(t, h, func(a, b *direct) {
			if limit > 0 {
				adapt.SetWriteLimit(b.conn, limit)
			}
			sealed := a.seal(t, []byte("hello"))
			b.waiting, b.held = 1000, new([]byte)
			b.receive(sealed, len(sealed))
			for range 40 { // as a peer does that takes a little now and then
				time.Sleep(20 * time.Second)
				b.Wait(func() { b.waiting-- })
			}
			if len(h.closed) > 0 {
				t.Fatalf("%s: it has ended: %v", name, <-h.closed)
			}
			b.Wait(func() { b.asked = 0 })
			time.Sleep(40 * time.Second)
			synctest.Wait()
			select {
			case err := <-h.closed:
				if !errors.Is(err, adapt.ErrWriteTimeout) {
					t.Errorf("%s: %v", name, err)
				}
			default:
				t.Errorf("%s: it lives for ever", name)
			}
			b.Wait(func() {
				if b.asked > 100 {
					t.Errorf("%s: it was looked at %d times", name, b.asked)
				}
			})
		})
	}
}

// TestSlowPeerAndOutput: what is written meanwhile is nothing that the peer has taken, and a peer
// that takes as much as is written is not slow.
func TestSlowPeerAndOutput(t *testing.T) {
	for name, takes := range map[string]bool{"a peer that takes it": true, "another": false} {
		h := echo()
		inMemory(t, h, func(_, b *direct) {
			b.waiting, b.held, b.keeps = 1000, new([]byte), !takes
			for range 100 {
				b.conn.Do(func(c *adapt.Conn) { c.Write([]byte("news")) })
				time.Sleep(time.Second)
			}
			synctest.Wait()
			if ended := len(h.closed) > 0; ended == takes {
				t.Errorf("%s: it has ended: %v", name, ended)
			}
		})
	}
}

// TestSlowPeerReadsOn: a peer that was slow is served as any other once it has taken the output.
func TestSlowPeerReadsOn(t *testing.T) {
	h := echo()
	inMemory(t, h, func(a, b *direct) {
		sealed := a.seal(t, []byte("hello"))
		b.waiting, b.held = 1000, new([]byte)
		b.receive(sealed, len(sealed))
		time.Sleep(10 * time.Second)
		b.Wait(func() { b.waiting = 0 })
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(h.closed) > 0 {
			t.Fatalf("it has ended: %v", <-h.closed)
		}
	})
}

// TestRequestsOfASlowPeer: a server that asks for certificates without end, and takes no answers,
// is left. One that takes them is served.
func TestRequestsOfASlowPeer(t *testing.T) {
	h := echo()
	inMemory(t, h, func(_, b *direct) {
		adapt.SetWriteLimit(b.conn, 100)
		ask := func(n int) {
			b.Wait(func() {
				for range n {
					adapt.AnswerRequest(b.conn)
				}
			})
		}
		b.held = new([]byte)
		for range 10 {
			b.waiting = 100
			ask(64)
			b.waiting = 0
			ask(1)
		}
		if len(h.closed) > 0 {
			t.Fatalf("it has ended: %v", <-h.closed)
		}
		b.waiting = 100
		ask(65)
		b.waiting = 0
		synctest.Wait()
		var e *engine.Error
		select {
		case err := <-h.closed:
			if !errors.As(err, &e) || e.Fault != engine.FaultLimit {
				t.Error(err)
			}
		default:
			t.Error("more than 64 answers wait")
		}
	})
}
