package datagram

import (
	"container/heap"
	"sync"
	"time"
)

// timers call connections when their time has come. They need one timer of the runtime for
// any number of connections, and none while no connection waits.
type timers struct {
	mu    sync.Mutex
	queue deadlineHeap
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
	d := &c.due
	switch {
	case d.at.Equal(at) && (d.index != 0) == !at.IsZero():
		return
	case at.IsZero():
		heap.Remove(&t.queue, d.index-1)
	case d.index != 0:
		d.at = at
		heap.Fix(&t.queue, d.index-1)
	default:
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
	next := t.queue[0].due.at
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
		if len(t.queue) == 0 || t.queue[0].due.at.After(now) {
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

// deadlineHeap implements heap.Interface.
type deadlineHeap []*Conn

func (h deadlineHeap) Len() int           { return len(h) }
func (h deadlineHeap) Less(i, j int) bool { return h[i].due.at.Before(h[j].due.at) }

func (h deadlineHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].due.index, h[j].due.index = i+1, j+1
}

// Push adds a *Conn.
func (h *deadlineHeap) Push(x any) {
	c := x.(*Conn)
	*h = append(*h, c)
	c.due.index = len(*h)
}

// Pop removes the last one.
func (h *deadlineHeap) Pop() any {
	last := len(*h) - 1
	c := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	c.due = deadline{}
	return c
}
