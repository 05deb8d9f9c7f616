package loop

import (
	"net"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/segment"
	"github.com/sealsock/sealsock/trust"
)

// A Conn is a connection of a Group. Its methods may be called only by its Handler and
// by functions given to Do, on the goroutine of its loop; Do alone may be called from
// any goroutine.
type Conn struct {
	loop    *loop
	engine  *sealsock.EngineConn
	handler Handler
	value   any
	fd      int32

	active     uint32 // when something was received or written, in seconds of the loop
	taken      uint32 // when the peer took output, or when output began to wait
	prev, next *Conn  // in loop.quiet

	rest *rest // nil if there is none

	readable bool // reading may return something
	writable bool // writing may be possible
	hungUp   bool // the peer has ended or broken the connection below
	paused   bool
	ended    bool // the peer has sent close_notify
	closing  bool // Close was called: the end comes when the output is written
	over     bool // OnClose was called, or is about to be
	alerted  bool // a fatal alert was sent
	asking   bool // the engine waits for an answer, which is looked for elsewhere
	full     bool // Write has returned ErrFull
	queued   bool // in loop.again
	unsent   bool // in loop.dirty
	resting  bool // the engine's keys were given back
	answers  int8 // to requests for a certificate, while more than Options.WriteLimit waits
}

// A rest is what an idle connection does not have.
type rest struct {
	in   []byte // received and not decrypted: a part of a record, or what came after a pause
	held []byte // written while the engine waits for an answer
	part bool   // in is a part of a record, of which the engine needs more
}

// takeIn takes what was received and not decrypted.
func (c *Conn) takeIn() []byte {
	if c.rest == nil {
		return nil
	}
	in := c.rest.in
	c.setRest(nil, c.rest.held)
	return in
}

// held returns what was written while the engine waits for an answer.
func (c *Conn) held() []byte {
	if c.rest == nil {
		return nil
	}
	return c.rest.held
}

// setRest drops the memory of an empty rest.
func (c *Conn) setRest(in, held []byte) {
	switch {
	case len(in) == 0 && len(held) == 0:
		c.rest = nil
	case c.rest == nil:
		c.rest = &rest{in: in, held: held}
	default:
		*c.rest = rest{in: in, held: held}
	}
}

// Do has f called on the goroutine of c's loop, after what is under way there. It is not
// called, and Do returns false, if the Group is closed. If c is closed, f is still
// called, and the methods of c return ErrClosed.
func (c *Conn) Do(f func(c *Conn)) bool {
	if c == nil || c.loop == nil {
		return false
	}
	return c.loop.post(func() {
		c.guarded(func() { f(c) })
	})
}

// Write seals p. It keeps no part of p and does not wait: what the peer does not take
// yet is kept. If more than Options.WriteLimit would wait, Write returns ErrFull and how
// many bytes it has accepted: continue after OnDrained.
func (c *Conn) Write(p []byte) (n int, err error) {
	if c.gone() || c.closing {
		return 0, ErrClosed
	}
	for n < len(p) {
		room := c.loop.opts.WriteLimit - len(c.engine.Output()) - len(c.held())
		if room <= 0 {
			if c.flush(); c.over {
				return n, ErrClosed
			}
			if room = c.loop.opts.WriteLimit - len(c.engine.Output()) - len(c.held()); room <= 0 {
				c.full = true
				return n, ErrFull
			}
		}
		chunk := p[n:][:min(len(p)-n, room, segment.Data)]
		if err := c.send(chunk); err != nil {
			return n, err
		}
		n += len(chunk)
	}
	return n, nil
}

// send seals p into the output, which is written at the end of the loop's turn.
func (c *Conn) send(p []byte) error {
	if c.asking {
		var in []byte
		if c.rest != nil {
			in = c.rest.in
		}
		c.setRest(in, append(c.held(), p...))
		return nil
	}
	if len(c.engine.Output()) == 0 {
		c.taken = c.loop.now
		c.engine.Buffer(c.loop.output.take())
	}
	err := c.engine.Send(p)
	c.later()
	return err
}

// later has the output written at the end of the loop's turn.
func (c *Conn) later() {
	if !c.unsent {
		c.unsent = true
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// Buffered returns the number of bytes that wait for the peer to take them.
func (c *Conn) Buffered() int {
	if c.gone() {
		return 0
	}
	return len(c.engine.Output()) + len(c.held())
}

// Pause stops OnData until Unpause is called. The peer is slowed down by the
// connection below.
func (c *Conn) Pause() {
	if c != nil {
		c.paused = true
	}
}

// Unpause ends Pause.
func (c *Conn) Unpause() {
	if c != nil && c.paused && !c.closing {
		c.paused = false
		c.soon()
	}
}

// soon continues with c in the loop's next turn.
func (c *Conn) soon() {
	if !c.queued && c.loop != nil {
		c.queued = true
		c.loop.again = append(c.loop.again, c)
	}
}

// Rekey changes the sending key, and asks the peer to change its own if both is set.
// RFC 9846, Section 4.6.3.
func (c *Conn) Rekey(both bool) error {
	if c.gone() || c.closing || c.asking {
		return ErrClosed
	}
	err := c.engine.Rekey(both)
	c.later()
	return err
}

// Close writes what waits, then close_notify, and closes the connection. OnClose is
// called with nil when that is done. Nothing is received any more.
func (c *Conn) Close() error {
	if c.gone() || c.closing {
		return ErrClosed
	}
	c.closing, c.paused = true, true
	if c.asking {
		return nil // the answer comes first
	}
	err := c.engine.CloseWrite()
	c.taken = c.loop.now
	c.later()
	return err
}

func (c *Conn) gone() bool { return c == nil || c.loop == nil || c.over }

// State returns what is known of the connection.
func (c *Conn) State() engine.State {
	if c == nil || c.engine == nil || c.asking {
		return engine.State{}
	}
	return c.engine.State()
}

// Peer returns what was found out about the peer's certificate, or nil for a client
// without one.
func (c *Conn) Peer() *trust.Result {
	if c == nil {
		return nil
	}
	return c.engine.Peer()
}

// RemoteAddr returns the address of the peer, or nil after the end.
func (c *Conn) RemoteAddr() net.Addr {
	if c.gone() {
		return nil
	}
	return sysPeer(c.fd)
}

// SetValue keeps something with c for its Handler; Value returns it.
func (c *Conn) SetValue(v any) {
	if c != nil {
		c.value = v
	}
}

// Value returns what SetValue has kept, or nil.
func (c *Conn) Value() any {
	if c == nil {
		return nil
	}
	return c.value
}
