package relay

import (
	"testing"
	"time"
)

// TestSentIsFreed: what was sent to a member takes no memory beside what waits for it, also if the
// member reads slowly.
func TestSentIsFreed(t *testing.T) {
	const queue, members, size = 1 << 20, 8, 4000
	s := NewServer(NewMemory(0, 0), Limits{Rate: 1 << 30, Burst: 1 << 30, Queue: queue})
	sender := memberOf(t, s)
	slow := make([]*Member, members)
	for i := range slow {
		slow[i] = memberOf(t, s)
	}
	go func() {
		for err := error(nil); err == nil; {
			_, err = sender.Receive()
		}
	}()
	payload := make([]byte, size)
	fill := func() {
		for _, m := range slow {
			for refused := s.Stats().Undeliverable; s.Stats().Undeliverable == refused; {
				sender.Send(m.ID(), payload)
				time.Sleep(time.Microsecond)
			}
		}
	}
	before := heap()
	fill()
	for _, m := range slow {
		for received := 0; received < queue*7/8; {
			got, err := m.Receive()
			if err != nil {
				t.Fatal(err)
			}
			received += got.cost()
		}
	}
	fill()
	if taken, counted := int64(heap()-before), s.waiting.Load(); counted < members*queue/2 ||
		taken > counted*3/2+(1<<20) {
		t.Errorf("%d count, and take %d of memory", counted, taken)
	}
}
