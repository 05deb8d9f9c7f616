package stream

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// SetDeadline sets both deadlines. A deadline that passes is not final: no byte is
// lost, and a later Read or Write continues.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline sets the deadline of Read.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if !c.Made() {
		return ErrNotMade
	}
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	c.deadlines.read = t
	return c.raw.SetReadDeadline(t)
}

// SetWriteDeadline sets the deadline of Write.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if !c.Made() {
		return ErrNotMade
	}
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	c.deadlines.write = t
	c.deadlines.writes.Store(!t.IsZero())
	return c.raw.SetWriteDeadline(t)
}

// overdue returns the error for a write whose deadline has passed before it began.
func (c *Conn) overdue() error {
	if !c.deadlines.writes.Load() {
		return nil
	}
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	if d := c.deadlines.write; d.IsZero() || time.Now().Before(d) {
		return nil
	}
	return c.opError("write", os.ErrDeadlineExceeded)
}

// limitWrites bounds how long the peer may take for what is written now.
func (c *Conn) limitWrites() {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	limit := time.Now().Add(closeTimeout)
	if c.deadlines.write.IsZero() || c.deadlines.write.After(limit) {
		c.raw.SetWriteDeadline(limit)
	}
}

// closeDeadline is when Close stops waiting for the peer. A write deadline that has
// passed, or passes before, is the caller's limit for this too, and so is one that has
// passed and was not replaced by another; what the system takes at once is still sent.
func (c *Conn) closeDeadline() time.Time {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	now := time.Now()
	limit := now.Add(closeTimeout)
	if d := c.deadlines.write; !d.IsZero() && d.Before(limit) {
		limit = d
	} else if d.IsZero() && c.out.stalled.Load() {
		limit = now
	}
	if soonest := now.Add(closeAtOnce); limit.Before(soonest) {
		limit = soonest
	}
	return limit
}

// isTimeout reports whether err is the end of a deadline.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// interrupted returns the cause of the end of ctx if err is what interruptible made of it,
// and otherwise err.
func (c *Conn) interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && c.brokenBy() == nil && isTimeout(err) {
		return context.Cause(ctx)
	}
	return err
}
