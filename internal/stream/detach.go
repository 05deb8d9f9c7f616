package stream

import (
	"context"
	"net"
	"slices"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// Detached is what a Conn consisted of.
type Detached struct {
	Receiver *engine.Receiver
	Sender   *engine.Sender
	Raw      net.Conn
	Data     []byte // application data that was decrypted and not read
	Records  []byte // bytes from Raw that Receiver has not been given
}

// Detach takes the connection apart, for a caller that continues with the engine itself. It
// sends what is waiting first. The handshake must be done, and no other call under way.
// Afterwards c's own methods return net.ErrClosed.
func (c *Conn) Detach() (Detached, error) {
	if !c.Made() {
		return Detached{}, ErrNotMade
	}
	if err := c.Handshake(context.Background()); err != nil {
		return Detached{}, err
	}
	if !c.in.TryLock() {
		return Detached{}, errInUse
	}
	defer c.in.Unlock()
	if !c.out.TryLock() {
		return Detached{}, errInUse
	}
	defer c.out.Unlock()
	switch {
	case c.closing.Load():
		return Detached{}, c.closedError("detach")
	case c.in.err != nil:
		return Detached{}, c.in.err
	case c.out.kernel() != nil:
		return Detached{}, errKernelSealed
	}
	if c.unanswered() {
		return Detached{}, errInUse
	}
	if err := c.out.flush(c.in.source); err != nil {
		return Detached{}, c.transport("write", err)
	}
	if !c.closing.CompareAndSwap(false, true) {
		return Detached{}, c.closedError("detach") // by another goroutine
	}
	c.raw.SetDeadline(time.Time{})
	d := Detached{
		Receiver: c.in.recv, Sender: c.out.send, Raw: c.raw,
		Data: slices.Concat(c.in.held, c.in.plain),
	}
	if c.in.buf != nil {
		d.Records = slices.Clone(c.in.buf.b[c.in.r:c.in.w])
	}
	c.in.held, c.in.plain, c.in.r, c.in.w = nil, nil, 0, 0
	c.in.giveBack()
	c.in.err = c.closedError("read")
	return d, nil
}

// unanswered reports whether a request for a certificate or early data is open.
func (c *Conn) unanswered() bool {
	c.late.Lock()
	defer c.late.Unlock()
	c.early.Lock()
	defer c.early.Unlock()
	return c.late.asked > 0 || len(c.early.data().received) > 0
}

var errInUse = &engine.Error{
	Fault:  engine.FaultUsage,
	Reason: "a connection can be detached only while no other method uses it",
}
