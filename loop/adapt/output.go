package adapt

import (
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/segment"
)

// What is done with output and at the end.

const (
	// More output than chunk is written at once, during input that leads to more: another record
	// would be more than a segment.
	chunk = segment.Size - engine.MaxRecord
	// It takes between pause and longestPause until the output that waits is looked at again: a
	// Transport does not tell when the peer has taken it. Peers that take nothing cost little.
	pause        = 20 * time.Millisecond
	longestPause = time.Second
	// writeTimeout is how long a peer may take nothing.
	writeTimeout = 30 * time.Second
)

// flush gives the output to the Transport, and closes the connection after Close.
func (c *Conn) flush() {
	if c.over || c.asking || c.inside {
		return
	}
	if err := c.writeOut(); err != nil {
		c.finish(err)
		_ = c.transport.Close()
		return
	}
	if c.closing {
		c.finish(nil)
	}
	if c.closing || c.full || c.transport.Buffered() > 0 {
		c.watch()
	}
}

func (c *Conn) writeOut() error {
	out := c.engine.Output()
	if len(out) == 0 {
		return nil
	}
	_, err := c.transport.Write(out)
	if c.slow != nil {
		c.slow.given += len(out)
	}
	c.engine.Wrote(len(out))
	if b := c.engine.Release(); err == nil { // else the Transport may still read it
		c.endpoint.output.put(b)
	}
	return err
}

// A slowness is the wait for a peer to take output.
type slowness struct {
	given int           // bytes that the Transport got since the wait began
	taken int           // what the peer took of them, less what waited before; at the last look
	since time.Time     // when that number has changed
	pause time.Duration // until the next look
}

// watch looks at the output that waits, soon and again and again, until the peer has taken it:
// then the connection is closed if it is over, and OnDrained is called if it was full.
func (c *Conn) watch() {
	switch {
	case c.over && c.transport.Buffered() == 0:
		c.slow = nil
		c.drained()
	case c.slow == nil:
		c.slow = new(slowness)
		c.transport.Run(c.look)
	}
}

func (c *Conn) look() {
	if c.slow == nil {
		return
	}
	waiting := c.transport.Buffered()
	if waiting == 0 {
		c.slow = nil
		c.drained()
		return
	}
	if taken := c.slow.given - waiting; taken != c.slow.taken || c.slow.since.IsZero() {
		c.slow.taken, c.slow.since, c.slow.pause = taken, time.Now(), pause
	} else if time.Since(c.slow.since) > writeTimeout {
		c.slow = nil
		c.finish(timedOut(ErrWriteTimeout))
		_ = c.transport.Close()
		return
	}
	time.AfterFunc(c.slow.pause, func() { c.transport.Run(c.look) })
	c.slow.pause = min(2*c.slow.pause, longestPause)
}

// drained acts on the end of slowness.
func (c *Conn) drained() {
	switch {
	case c.over:
		_ = c.transport.Close()
	case c.full:
		c.full = false
		if h, ok := c.endpoint.handler.(Drainer); ok {
			c.guarded(func() { h.OnDrained(c) })
			c.flush()
		}
	}
}

// end ends the connection with err and sends the alert for it.
func (c *Conn) end(err error) {
	if c.over {
		return
	}
	if !c.asking && err != nil {
		_ = c.engine.Abort(err)
	}
	c.fail(err)
}

// fail ends the connection with err, after an alert that is in the output already.
func (c *Conn) fail(err error) {
	if c.over {
		return
	}
	if !c.asking {
		_ = c.writeOut() // the reason is err in any case
	}
	c.finish(err)
	c.watch()
}

// finish calls OnClose, once.
func (c *Conn) finish(err error) {
	if c.over {
		return
	}
	c.over = true
	c.in, c.held = nil, nil
	c.endpoint.remove(c)
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	defer func() { _ = recover() }() // the connection has ended already
	c.endpoint.handler.OnClose(c, err)
}
