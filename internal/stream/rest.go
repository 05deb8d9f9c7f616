package stream

import (
	"sync"
	"sync/atomic"
	"time"
)

// A Read that waits for its peer uses nothing of its Conn. After some seconds the Conn rests:
// the engine gives back the memory of both keys, and the source the buffer of a record of
// which only a part has come. The next record costs a microsecond more. One timer serves all
// connections, and a wait costs two uncontended locks.

// A sweep looks at the connections of which a Read waits, each second. A Conn rests when restAfter
// sweeps have found the same wait, which is then between restAfter-1 and restAfter seconds old.
const (
	sweepEvery = time.Second
	restAfter  = 6
)

// A rest is the state of a Conn's waits. Its mutex is held while the Conn gives back memory, so
// that a Read which wakes up does not find the work half done. It is not part of the Conn, because
// it stays in the list of those that wait until the next sweep, and would keep each connection of
// the last second in memory: a server that handles thousands in a second would have the garbage
// collector mark all of them, again and again.
type rest struct {
	sync.Mutex
	conn   *Conn       // while a Read waits in the source
	next   *rest       // in waits
	gave   atomic.Bool // the memory was given back in this wait
	listed bool        // in waits
	seen   uint8       // how many sweeps have found that same wait
}

// setOpen makes c open: its waits count from now on.
func (c *Conn) setOpen() {
	c.rest = new(rest)
	c.open.Store(true)
}

// sleep begins a wait. The receiving half is held, and not used until wake.
func (c *Conn) sleep() {
	if !c.open.Load() {
		return
	}
	c.rest.Lock()
	c.rest.conn = c
	c.rest.list()
	c.rest.Unlock()
}

// wake ends a wait, if there is one. It waits for a sweep that gives back memory.
func (c *Conn) wake() {
	if !c.open.Load() {
		return
	}
	c.rest.Lock()
	c.rest.conn, c.rest.seen = nil, 0
	if c.rest.gave.Load() {
		c.rest.gave.Store(false)
	}
	c.rest.Unlock()
}

// wrote notes that the sending half was used: if the Conn rests, that half has made its key
// again, so that it has to rest again.
func (c *Conn) wrote() {
	if !c.open.Load() || !c.rest.gave.Load() {
		return
	}
	c.rest.Lock()
	defer c.rest.Unlock()
	c.rest.gave.Store(false)
	if c.rest.seen = 0; c.rest.conn != nil {
		c.rest.list()
	}
}

// list has the next sweep look at r. Its lock is held.
func (r *rest) list() {
	if !r.listed {
		r.listed = true
		waits.push(r)
	}
}

// look makes the Conn rest if its wait is old enough. One that does not wait leaves the list until
// it does.
func (r *rest) look() {
	r.Lock()
	defer r.Unlock()
	r.next, r.listed = nil, false
	c := r.conn
	if c == nil {
		return
	}
	if r.seen++; r.seen < restAfter {
		r.list()
		return
	}
	c.in.recv.Rest()
	c.in.source.rest(c.in.r)
	r.gave.Store(true) // first: a write that is under way, and ends after it, lists c again
	c.out.whileFree(c.out.send.Rest)
}

// waits has the connections that the next sweep looks at. No lock is shared by all of them.
var waits waitList

type waitList struct {
	first atomic.Pointer[rest]
	due   atomic.Int64 // when the next sweep is, in UNIX nanoseconds; 0 for none
}

// push adds one that is not in the list, and sees to it that a sweep follows.
func (l *waitList) push(r *rest) {
	for {
		r.next = l.first.Load()
		if l.first.CompareAndSwap(r.next, r) {
			break
		}
	}
	due, now := l.due.Load(), time.Now()
	if due != 0 && now.UnixNano() < due+restAfter*int64(sweepEvery) {
		return // a timer that is overdue by that much belonged to a clock that has ended
	}
	if at := now.Add(sweepEvery).UnixNano(); l.due.CompareAndSwap(due, at) {
		time.AfterFunc(sweepEvery, func() {
			if l.due.Load() == at { // otherwise SweepAll came first, and another timer is set
				Sweep()
			}
		})
	}
}

// SweepAll makes the connections rest that wait now, without waiting for the timer. It is for
// tests and measurements.
func SweepAll() {
	for range restAfter {
		Sweep()
	}
}

// Sweep looks at the connections of which a Read waits. A timer calls it while there are any.
func Sweep() {
	waits.due.Store(0) // first: what is added from here on asks for another sweep
	for r := waits.first.Swap(nil); r != nil; {
		next := r.next // before r is added again
		r.look()
		r = next
	}
}
