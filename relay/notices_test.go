package relay

import (
	"net"
	"testing"
)

// TestNoticesAreBounded: members that join and leave again and again cost no more than a bound in
// what waits for members that do not read.
func TestNoticesAreBounded(t *testing.T) {
	const members, waiting = 4, 100_000
	r := start(t, NewMemory(0, 0), Limits{Waiting: waiting})
	var posts []*client
	for range members {
		near, far := net.Pipe() // which is not read
		t.Cleanup(func() { near.Close(); far.Close() })
		c := newClient(near, r.Server)
		if _, err := r.bus.Enter(RoomID{1}, MemberID{byte(len(posts))}, c.post); err != nil {
			t.Fatal(err)
		}
		posts = append(posts, c)
	}
	for range 2000 {
		seat, err := r.bus.Enter(RoomID{1}, MemberID{255}, func(*Message) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		seat.Leave()
	}
	if n := r.waiting.Load(); n < waiting || n > waiting+members*2*leastQueue {
		t.Errorf("%d bytes wait", n)
	}
	for _, c := range posts {
		c.end(net.ErrClosed)
		c.finish()
	}
	if n := r.waiting.Load(); n != 0 {
		t.Errorf("%d bytes wait for nobody", n)
	}
}
