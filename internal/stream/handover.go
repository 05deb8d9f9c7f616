package stream

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// HandOver ends the connection in this process and returns its state, sealed to the process
// that has the token's key. Calls of Read and Write under way end in os.ErrDeadlineExceeded
// first. The connection below stays open.
func (c *Conn) HandOver(ctx context.Context, token, binding, extra []byte) ([]byte, error) {
	if !c.Made() {
		return nil, ErrNotMade
	}
	if !c.open.Load() {
		return nil, errNotOpen
	}
	unlock, err := c.stop(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	switch {
	case c.closing.Load():
		return nil, c.closedError("handover")
	case c.brokenBy() != nil:
		return nil, c.brokenBy()
	case c.out.kernel() != nil:
		return nil, errKernelSealed
	case c.unanswered():
		return nil, errUnanswered
	}
	if err := c.settle(); err != nil {
		return nil, err
	}
	h, err := c.luggage(extra)
	if err != nil {
		return nil, err
	}
	state, err := engine.HandOver(c.in.recv, c.out.send, h, token, binding)
	if err != nil {
		c.out.unsent = h.Unsent // what the mailbox held is in it
		return nil, err
	}
	c.closing.Store(true)
	c.in.held, c.in.plain, c.out.unsent = nil, nil, nil
	c.in.free()
	c.in.err = c.closedError("read")
	return state, nil
}

var errNotOpen = &engine.Error{
	Fault: engine.FaultUsage, Reason: "only a connection whose handshake is done can be handed over",
}

var errUnanswered = &engine.Error{
	Fault:  engine.FaultUsage,
	Reason: "a connection cannot be handed over while early data or a request for a certificate is open",
	Hint:   "read the early data, or wait for the answer",
}

// stop interrupts reading and writing, and locks both halves until unlock.
func (c *Conn) stop(ctx context.Context) (unlock func(), err error) {
	past := time.Unix(1, 0)
	c.raw.SetDeadline(past)
	restore := func() {
		c.deadlines.Lock()
		defer c.deadlines.Unlock()
		c.raw.SetReadDeadline(c.deadlines.read)
		c.raw.SetWriteDeadline(c.deadlines.write)
	}
	if err := c.out.LockContext(ctx); err != nil {
		restore()
		return nil, err
	}
	c.in.Lock()
	return func() {
		c.in.Unlock()
		c.out.Unlock()
		restore()
	}, nil
}

// settle takes the events that the engine has ready, so that it is between two messages.
func (c *Conn) settle() error {
	for c.in.recv.Pending() {
		c.in.held, c.in.plain = slices.Concat(c.in.held, c.in.plain), nil
		switch err := c.next(false, nil); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

// luggage collects what goes along with the state of the engine.
func (c *Conn) luggage(extra []byte) (*engine.Handover, error) {
	sealed, err := c.out.apply(nil)
	if err != nil {
		return nil, c.sealing(sealed, err) // behind what is unsent
	}
	return &engine.Handover{
		Unread: slices.Concat(c.in.held, c.in.plain), Received: slices.Clone(c.in.buffered()),
		Unsent: slices.Concat(c.out.unsent, sealed), Extra: extra,
	}, nil
}

// TakeOver returns a Conn over raw that continues with h. Records that the other process
// could not send wait for the next write.
func TakeOver(raw net.Conn, cfg *engine.Config, h *engine.Handover, opts Options) (*Conn, error) {
	if len(h.Received) > bufferSize {
		return nil, &engine.Error{
			Fault:  engine.FaultUsage,
			Reason: "the other process has received more than this one buffers",
			Hint:   "hand over between programs with the same version of this package",
		}
	}
	r, s, err := h.TakeOver(cfg)
	if err != nil {
		return nil, err
	}
	c := New(raw, r, s, opts)
	c.in.done, c.in.held, c.out.unsent = true, h.Unread, h.Unsent
	if len(h.Received) > 0 {
		c.in.buf = getBuffer(bufferSize)
		c.in.w = copy(c.in.buf.b, h.Received)
	}
	if r.Settled() {
		c.settled.Store(true)
	} else {
		state := r.State()
		c.state.Store(&state)
	}
	c.setOpen()
	return c, nil
}

// Flush sends what is waiting, until ctx ends.
func (c *Conn) Flush(ctx context.Context) error {
	return c.control(ctx, func(_ *engine.Sender, dst []byte) ([]byte, error) { return dst, nil })
}
