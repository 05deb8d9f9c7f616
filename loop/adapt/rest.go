package adapt

import (
	"sync"
	"time"
)

// restAfter is how long a connection is quiet, at least, until it gives back the memory of its
// keys. It is less than twice that. Making them again takes a microsecond.
const restAfter = 5 * time.Second

// A restList has the connections of an Endpoint that were active and are not closed. One timer
// serves them all.
type restList struct {
	sync.Mutex
	conns map[*Conn]struct{}
	armed bool
}

// add has the next sweep look at c.
func (e *Endpoint) add(c *Conn) {
	e.rests.Lock()
	defer e.rests.Unlock()
	if e.rests.conns == nil {
		e.rests.conns = map[*Conn]struct{}{}
	}
	e.rests.conns[c] = struct{}{}
	if !e.rests.armed {
		e.rests.armed = true
		time.AfterFunc(restAfter, e.sweep)
	}
}

// sweep looks at each connection in the list, where that may be used.
func (e *Endpoint) sweep() {
	e.rests.Lock()
	conns := e.rests.conns
	e.rests.conns, e.rests.armed = nil, false
	e.rests.Unlock()
	for c := range conns {
		c.transport.Run(c.quiet)
	}
}

// remove takes c, which has ended, out of the list: it would keep the memory of short
// connections for seconds.
func (e *Endpoint) remove(c *Conn) {
	e.rests.Lock()
	defer e.rests.Unlock()
	delete(e.rests.conns, c)
}

// touch marks c as active.
func (c *Conn) touch() {
	c.active = true
	if !c.listed {
		c.listed = true
		c.endpoint.add(c)
	}
}

// quiet gives back the memory of the keys if c was not active since the sweep before.
func (c *Conn) quiet() {
	switch {
	case c.over:
	case c.active || c.asking:
		c.active = false
		c.endpoint.add(c)
		return
	default:
		c.engine.Rest()
	}
	c.listed = false
}
