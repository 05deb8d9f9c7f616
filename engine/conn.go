package engine

import "slices"

// A Conn is both halves of a connection for one goroutine at a time, such as that of
// an event loop, with one output buffer. It does no I/O: the caller gives Receive what
// it has read, and writes Output.
type Conn struct {
	recv  *Receiver
	send  *Sender
	out   []byte
	wrote int  // bytes of out that were written
	owed  bool // the answer to a key update
}

// NewConn joins the halves that Client or Server returned. The error is theirs:
//
//	c, err := engine.NewConn(engine.Server(cfg))
func NewConn(r *Receiver, s *Sender, err error) (*Conn, error) {
	switch {
	case err != nil:
		return nil, err
	case r == nil || s == nil:
		return nil, usage("a connection needs both of its halves")
	}
	return &Conn{recv: r, send: s}, nil
}

// Receive is [Receiver.Receive]; Event.Reply was added to Output and is empty. The answer to
// a key update waits for the next Send or Rekey. With an error, which is final, Output may
// hold the alert to send.
func (c *Conn) Receive(in []byte) (n int, ev Event, err error) {
	if c == nil || c.recv == nil {
		return 0, Event{}, errNoSender
	}
	n, ev, err = c.recv.Receive(in)
	if !ev.Reply.Empty() {
		c.compact()
	}
	applied := c.reply(ev.Reply)
	ev.Reply = Outgoing{}
	if err == nil {
		err = applied
	}
	return n, ev, err
}

// reply applies what the receiving half has to send, but for the answer to a key update. That is
// due in front of the next data (RFC 9846, Section 4.6.3), and the answers to a peer that asks
// again and again and takes nothing would fill the memory.
func (c *Conn) reply(o Outgoing) error {
	if len(o.steps) == 1 && o.steps[0].kind == stepKeyUpdate {
		c.owed = c.owed || o.steps[0].answer
		c.send.asked = false
		return nil
	}
	var err error
	c.out, err = c.send.Apply(c.out, o)
	return err
}

// answer adds the answer to a key update, if there is one.
func (c *Conn) answer() (err error) {
	if !c.owed {
		return nil
	}
	c.owed = false
	c.out, err = c.send.Apply(c.out, Outgoing{steps: []step{{kind: stepKeyUpdate, answer: true}}})
	return err
}

// Resume is [Receiver.Resume].
func (c *Conn) Resume(a Answer) error {
	if c == nil || c.recv == nil {
		return errNoSender
	}
	return c.recv.Resume(a)
}

// Pending is [Receiver.Pending].
func (c *Conn) Pending() bool { return c != nil && c.recv != nil && c.recv.Pending() }

// State is [Receiver.State].
func (c *Conn) State() State {
	if c == nil || c.recv == nil {
		return State{}
	}
	return c.recv.State()
}

// Ready is [Sender.Ready].
func (c *Conn) Ready() bool { return c != nil && c.send.Ready() }

// Send adds records with data to Output, all of it: see [Sender.Seal]. It keeps no
// part of data.
func (c *Conn) Send(data []byte) (err error) {
	if c == nil {
		return errNoSender
	}
	c.compact()
	if err := c.answer(); err != nil {
		return err
	}
	if most := c.send.MaxData(); most > 0 && len(data) > most {
		c.out = slices.Grow(c.out, len(data)+c.send.Overhead(len(data)))
	}
	c.out, err = c.send.Seal(c.out, data)
	return err
}

// Rekey is [Sender.Rekey].
func (c *Conn) Rekey(both bool) (err error) {
	if c == nil {
		return errNoSender
	}
	c.compact()
	if err := c.answer(); err != nil {
		return err
	}
	c.out, err = c.send.Rekey(c.out, both)
	return err
}

// CloseWrite adds close_notify to Output and ends this direction.
func (c *Conn) CloseWrite() (err error) {
	if c == nil {
		return errNoSender
	}
	c.out, err = c.send.CloseNotify(c.out)
	return err
}

// Abort ends the connection with err and adds its alert to Output: see
// [Receiver.Abort].
func (c *Conn) Abort(err error) error {
	if c == nil || c.recv == nil {
		return errNoSender
	}
	var applied error
	c.out, applied = c.send.Apply(c.out, c.recv.Abort(err))
	return applied
}

// Output returns the bytes to be written. They are valid until the next call of
// another method.
func (c *Conn) Output() []byte {
	if c == nil {
		return nil
	}
	return c.out[c.wrote:]
}

// Wrote removes the first n bytes of Output, which were written.
func (c *Conn) Wrote(n int) {
	if c == nil {
		return
	}
	if c.wrote = min(c.wrote+max(n, 0), len(c.out)); c.wrote == len(c.out) {
		c.out, c.wrote = c.out[:0], 0
	}
}

// compact moves what was not written to the start of the memory, if it is the smaller part. Output
// that is never empty, because the peer is slow, would grow with all that was ever written.
func (c *Conn) compact() {
	if waiting := len(c.out) - c.wrote; c.wrote > waiting {
		copy(c.out, c.out[c.wrote:])
		c.out, c.wrote = c.out[:waiting], 0
	}
}

// Buffer gives c the memory of b, and not its content, for output. It is used if c has
// none; many connections can share a few buffers in this way.
func (c *Conn) Buffer(b []byte) {
	if c != nil && c.out == nil {
		c.out = b[:0]
	}
}

// Release takes the memory of an empty Output from c and returns it. It returns nil if
// there is still something to write.
func (c *Conn) Release() []byte {
	if c == nil || len(c.out) > 0 {
		return nil
	}
	b := c.out
	c.out = nil
	return b
}
