package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"

	"github.com/sealsock/sealsock/engine"
)

// Unwrap sends close_notify, waits for the peer's, and returns the connection below, with
// what was read of it behind that.
func (c *Conn) Unwrap(ctx context.Context) (net.Conn, error) {
	if err := c.Handshake(ctx); err != nil {
		return nil, err
	}
	release := c.interruptible(ctx, true, true)
	defer release()
	if err := c.endOwnWriting(ctx); err != nil {
		return nil, c.interrupted(ctx, err)
	}
	c.in.Lock()
	defer c.in.Unlock()
	if err := c.awaitEnd(); err != nil {
		return nil, c.interrupted(ctx, err)
	}
	if !c.closing.CompareAndSwap(false, true) {
		return nil, c.closedError("close")
	}
	rest := bytes.Clone(c.in.buffered())
	c.in.free()
	if len(rest) == 0 {
		return c.raw, nil
	}
	return &plainConn{Conn: c.raw, rest: rest}, nil
}

// endOwnWriting sends close_notify, unless the kernel seals what is written to the connection
// below: it does so for as long as that is open. No SendFile gives it the key afterwards.
func (c *Conn) endOwnWriting(ctx context.Context) error {
	if err := c.out.LockContext(ctx); err != nil {
		return err
	}
	defer c.unlockOut()
	if c.out.kernel() != nil {
		return errKernelSealed
	}
	return c.endWriting()
}

// awaitEnd reads the peer's close_notify, which nothing may stand in front of.
func (c *Conn) awaitEnd() error {
	for {
		if len(c.in.plain)+len(c.in.held) > 0 {
			return errUnread
		}
		switch err := c.next(true, nil); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

var errUnread = &engine.Error{
	Fault: engine.FaultUsage, Reason: "unread application data is left",
	Hint: "read until io.EOF before Unwrap",
}

// A plainConn is a connection whose first bytes arrived together with the last record.
type plainConn struct {
	net.Conn
	rest []byte
}

// Read returns those bytes first.
func (p *plainConn) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// CloseWrite shuts down the sending direction, if the connection below can.
func (p *plainConn) CloseWrite() error {
	if c, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}
