package adapt

import "testing"

// TestClosedIsNotKept: a connection that has ended is not in the list of those that were active.
func TestClosedIsNotKept(t *testing.T) {
	e := new(Endpoint)
	a, b := &Conn{endpoint: e}, &Conn{endpoint: e}
	a.touch()
	b.touch()
	a.finish(nil)
	if _, kept := e.rests.conns[a]; kept || len(e.rests.conns) != 1 {
		t.Errorf("%d connections are kept, or another: %v", len(e.rests.conns), kept)
	}
	b.finish(nil) // before the timer looks at it
}
