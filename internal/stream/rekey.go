package stream

import (
	"context"

	"github.com/sealsock/sealsock/engine"
)

// Rekey sends a KeyUpdate and, if both is set, asks the peer for one.
func (c *Conn) Rekey(ctx context.Context, both bool) error {
	return c.control(ctx, func(s *engine.Sender, dst []byte) ([]byte, error) {
		return s.Rekey(dst, both)
	})
}

// SendTickets sends, on a server, n tickets for the client to resume with.
func (c *Conn) SendTickets(ctx context.Context, n int) error {
	return c.control(ctx, func(s *engine.Sender, dst []byte) ([]byte, error) {
		return s.SendTickets(dst, n)
	})
}

// control sends what use appends, behind what is waiting.
func (c *Conn) control(ctx context.Context, use sealFunc) error {
	if err := c.Handshake(ctx); err != nil {
		return err
	}
	if err := c.out.LockContext(ctx); err != nil {
		return err
	}
	defer c.unlockOut()
	if err := c.brokenBy(); err != nil {
		return err
	}
	if c.closing.Load() {
		return c.closedError("write") // the sending half may be another's: see Detach
	}
	release := c.interruptible(ctx, false, true)
	defer release()
	if err := c.out.flush(c.in.source); err != nil {
		return c.interrupted(ctx, c.transport("write", err))
	}
	sealed, err := c.out.seal(nil, use)
	if err != nil {
		return c.sealing(sealed, err)
	}
	if err := c.out.deliver(c.in.source, sealed); err != nil {
		return c.interrupted(ctx, c.transport("write", err))
	}
	return nil
}

// Export derives keying material.
func (c *Conn) Export(label string, context []byte, length int) ([]byte, error) {
	if !c.Made() {
		return nil, ErrNotMade
	}
	s := c.State()
	return s.Export(label, context, length)
}

// ExportEarly is Export for the time of 0-RTT data.
func (c *Conn) ExportEarly(label string, context []byte, length int) ([]byte, error) {
	if !c.Made() {
		return nil, ErrNotMade
	}
	s := c.State()
	return s.ExportEarly(label, context, length)
}
