package relay

import (
	"context"
	"net"
	"runtime"
	"testing"
	"time"
)

// TestWaitingIsCounted: messages of any size that wait for members take about as much memory as
// they count.
func TestWaitingIsCounted(t *testing.T) {
	const queue, members = 1 << 20, 8
	for _, size := range []int{0, 100, 1000, 16_400, 28_000, MaxPayload} {
		s := NewServer(NewMemory(0, 0), Limits{Rate: 1 << 30, Burst: 1 << 30, Queue: queue})
		sender := memberOf(t, s)
		silent := make([]*Member, members)
		for i := range silent {
			silent[i] = memberOf(t, s)
		}
		go func() {
			for err := error(nil); err == nil; {
				_, err = sender.Receive()
			}
		}()
		before := heap()
		payloads := make([][]byte, 16)
		for i := range payloads {
			payloads[i] = make([]byte, size)
		}
		for _, m := range silent {
			for range queue/len(payloads)/(size+100) + 1 {
				if err := sender.SendAll(m.ID(), payloads...); err != nil {
					t.Fatal(err)
				}
			}
		}
		for s.Stats().Undeliverable == 0 {
			sender.SendAll(silent[members-1].ID(), payloads...)
			time.Sleep(time.Millisecond)
		}
		taken, counted := int64(heap()-before), s.waiting.Load()
		if counted < members*queue/2 || taken > counted*3/2+(1<<20) {
			t.Errorf("%d bytes: %d count, and take %d of memory", size, counted, taken)
		}
		for _, m := range append(silent, sender) {
			m.Close()
		}
	}
}

func memberOf(t *testing.T, s *Server) *Member {
	t.Helper()
	near, far := net.Pipe()
	go s.Serve(context.Background(), far)
	m, err := Join(t.Context(), near, RoomID{}, NewToken())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // what a sync.Pool kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
