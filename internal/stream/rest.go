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

// A sweep looks at the connections of which a Read waits, each second: until the next one a
// closed Conn stays reachable. A Conn rests when restAfter sweeps have found the same wait,
// which is then between restAfter-1 and restAfter seconds old.
const (
	sweepEvery = time.Second
	restAfter  = 6
)

// A rest is the state of a Conn's waits. Its mutex is held while the Conn gives back memory, so
// that a Read which wakes up does not find the work half done.
type rest struct {
	sync.Mutex
	next   *Conn       // in waits
	gave   atomic.Bool // the memory was given back in this wait
	waits  bool        // a Read waits in the source
	listed bool        // the Conn is in waits
	seen   uint8       // how many sweeps have found that same wait
}

// sleep begins a wait. The receiving half is held, and not used until wake.
func (c *Conn) sleep() {
	if !c.open.Load() {
		return
	}
	c.rest.Lock()
	defer c.rest.Unlock()
	c.rest.waits = true
	c.list()
}

// wake ends a wait, if there is one. It waits for a sweep that gives back memory.
func (c *Conn) wake() {
	if !c.open.Load() {
		return
	}
	c.rest.Lock()
	defer c.rest.Unlock()
	c.rest.waits, c.rest.seen = false, 0
	c.rest.gave.Store(false)
}

// wrote notes that the sending half was used: if the Conn rests, that half has made its key
// again, so that it has to rest again.
func (c *Conn) wrote() {
	if !c.rest.gave.Load() {
		return
	}
	c.rest.Lock()
	defer c.rest.Unlock()
	c.rest.gave.Store(false)
	if c.rest.seen = 0; c.rest.waits {
		c.list()
	}
}

// list has the next sweep look at c. The lock of c.rest is held.
func (c *Conn) list() {
	if !c.rest.listed {
		c.rest.listed = true
		waits.push(c)
	}
}

// look makes c rest if its wait is old enough. A Conn that does not wait leaves the list until
// it does.
func (c *Conn) look() {
	c.rest.Lock()
	defer c.rest.Unlock()
	c.rest.next, c.rest.listed = nil, false
	if !c.rest.waits {
		return
	}
	if c.rest.seen++; c.rest.seen < restAfter {
		c.list()
		return
	}
	c.in.recv.Rest()
	c.in.source.rest(c.in.r)
	c.rest.gave.Store(true) // first: a write that is under way, and ends after it, lists c again
	c.out.whileFree(c.out.send.Rest)
}

// waits has the connections that the next sweep looks at. No lock is shared by all of them.
var waits waitList

type waitList struct {
	first atomic.Pointer[Conn]
	due   atomic.Int64 // when the next sweep is, in UNIX nanoseconds; 0 for none
}

// push adds a Conn that is not in the list, and sees to it that a sweep follows.
func (l *waitList) push(c *Conn) {
	for {
		c.rest.next = l.first.Load()
		if l.first.CompareAndSwap(c.rest.next, c) {
			break
		}
	}
	due, now := l.due.Load(), time.Now()
	if due != 0 && now.UnixNano() < due+restAfter*int64(sweepEvery) {
		return // a timer that is overdue by that much belonged to a clock that has ended
	}
	if l.due.CompareAndSwap(due, now.Add(sweepEvery).UnixNano()) {
		time.AfterFunc(sweepEvery, Sweep)
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
	for c := waits.first.Swap(nil); c != nil; {
		next := c.rest.next // before c is added again
		c.look()
		c = next
	}
}
