package datagram

import (
	"container/heap"
	"sync"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// timers call connections when their time has come. They need one timer of the runtime for
// any number of connections, and none while no connection waits.
type timers struct {
	mu    sync.Mutex
	queue deadlineHeap
	one   [1]*Conn // memory for queue
	timer *time.Timer
	at    time.Time // when timer fires; zero for never
}

// A deadline is the time of one connection, and its place in a heap.
type deadline struct {
	at    time.Time
	index int // in the heap, plus one; 0 if it is not there
}

// set makes c.expire be called at a time, and at no other one. The zero time is never.
func (t *timers) set(c *Conn, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := &c.timer
	switch {
	case d.at.Equal(at) && (d.index != 0) == !at.IsZero():
		return
	case at.IsZero():
		heap.Remove(&t.queue, d.index-1)
	case d.index != 0:
		d.at = at
		heap.Fix(&t.queue, d.index-1)
	default:
		if t.queue == nil {
			t.queue = t.one[:0]
		}
		d.at = at
		heap.Push(&t.queue, c)
	}
	t.wind()
}

// wind sets the timer to the earliest deadline.
func (t *timers) wind() {
	if len(t.queue) == 0 {
		if t.timer != nil {
			t.timer.Stop()
		}
		t.at = time.Time{}
		return
	}
	next := t.queue[0].timer.at
	if t.at.Equal(next) {
		return
	}
	t.at = next
	if t.timer == nil {
		t.timer = time.AfterFunc(time.Until(next), t.fire)
		return
	}
	t.timer.Reset(time.Until(next))
}

// fire calls the connections whose time has come.
func (t *timers) fire() {
	now := time.Now()
	for {
		t.mu.Lock()
		if len(t.queue) == 0 || t.queue[0].timer.at.After(now) {
			t.at = time.Time{} // it has fired
			t.wind()
			t.mu.Unlock()
			return
		}
		c := heap.Pop(&t.queue).(*Conn)
		t.mu.Unlock()
		c.expire(now)
	}
}

// use notes that the connection is not quiet, and sets its timer. The engine is locked.
func (c *Conn) use() {
	c.used = true
	if c.armed {
		if c.quiet.IsZero() {
			c.quiet = time.Now().Add(quietTime)
		}
		c.path.timers().set(c, c.due())
	}
}

// due is when something is to be done. The engine is locked.
func (c *Conn) due() time.Time {
	at := earlier(c.engine.Timeout(), c.quiet)
	if p, ok := c.path.(*socketPath); ok {
		at = earlier(at, p.watch)
	}
	return at
}

// arm sets the timers of a connection that is open from now on, unless it was closed meanwhile.
func (c *Conn) arm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in.ended() != nil {
		c.engine.Rest() // see lost
		return
	}
	c.armed = true
	if p, ok := c.path.(*socketPath); ok && !p.running.Load() {
		p.watched.Store(true)
		p.watch = time.Now().Add(watchTime)
	}
	c.use()
}

// quietTime is how long a connection is not used before its engine rests.
const quietTime = time.Second

// expire does what is due. Before the connection is open that is for the handshake to do.
func (c *Conn) expire(now time.Time) {
	c.mu.Lock()
	armed := c.armed
	c.mu.Unlock()
	if !armed {
		c.in.poke()
		return
	}
	if p, ok := c.path.(*socketPath); ok {
		p.look(c, now)
	}
	if c.rests(now) {
		return
	}
	c.settle(c.run(call{do: (*engine.DatagramConn).Expire}))
}

// rests lets the engine rest if it is quiet, and reports whether nothing else is due.
func (c *Conn) rests(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.armed {
		return true
	}
	switch {
	case c.quiet.IsZero() || now.Before(c.quiet):
	case c.used:
		c.used, c.quiet = false, now.Add(quietTime)
	default:
		c.quiet = time.Time{}
		c.engine.Rest()
	}
	at := c.engine.Timeout()
	if !at.IsZero() && !now.Before(at) {
		return false
	}
	c.path.timers().set(c, c.due())
	return true
}

// deadlineHeap implements heap.Interface.
type deadlineHeap []*Conn

func (h deadlineHeap) Len() int           { return len(h) }
func (h deadlineHeap) Less(i, j int) bool { return h[i].timer.at.Before(h[j].timer.at) }

func (h deadlineHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].timer.index, h[j].timer.index = i+1, j+1
}

// Push adds a *Conn.
func (h *deadlineHeap) Push(x any) {
	c := x.(*Conn)
	*h = append(*h, c)
	c.timer.index = len(*h)
}

// Pop removes the last one.
func (h *deadlineHeap) Pop() any {
	last := len(*h) - 1
	c := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	c.timer = deadline{}
	return c
}
