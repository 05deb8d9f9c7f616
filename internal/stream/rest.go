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

// restAfter is how long a Read has waited, at least, when its Conn rests. It is less than twice
// that.
const restAfter = 5 * time.Second

// A rest is the state of a Conn's waits. Its mutex is held while the Conn gives back memory, so
// that a Read which wakes up does not find the work half done.
type rest struct {
	sync.Mutex
	next   *Conn       // in waits
	gave   atomic.Bool // the memory was given back in this wait
	waits  bool        // a Read waits in the source
	seen   bool        // a sweep has found that same wait
	listed bool        // the Conn is in waits
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
	c.rest.waits, c.rest.seen = false, false
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
	if c.rest.seen = false; c.rest.waits {
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

// look makes c rest if it waits for the second time. A Conn that does not wait leaves the list
// until it does.
func (c *Conn) look() {
	c.rest.Lock()
	defer c.rest.Unlock()
	c.rest.next, c.rest.listed = nil, false
	switch {
	case !c.rest.waits:
	case !c.rest.seen:
		c.rest.seen = true
		c.list()
	default:
		c.in.recv.Rest()
		c.in.source.rest(c.in.r)
		c.out.whileFree(c.out.send.Rest)
		c.rest.gave.Store(true)
	}
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
	if due != 0 && now.UnixNano() < due+int64(restAfter) {
		return // a timer that is overdue by that much belonged to a clock that has ended
	}
	if l.due.CompareAndSwap(due, now.Add(restAfter).UnixNano()) {
		time.AfterFunc(restAfter, Sweep)
	}
}

// Sweep makes the connections rest that have waited since the sweep before. A timer calls it
// while connections wait; tests and measurements do not wait for that.
func Sweep() {
	waits.due.Store(0) // first: what is added from here on asks for another sweep
	for c := waits.first.Swap(nil); c != nil; {
		next := c.rest.next // before c is added again
		c.look()
		c = next
	}
}
