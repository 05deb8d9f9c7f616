package stream

import (
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
	if err := c.CloseWrite(); err != nil {
		return nil, err
	}
	c.in.Lock()
	defer c.in.Unlock()
	for {
		if len(c.in.plain)+len(c.in.held) > 0 {
			return nil, errUnread
		}
		if c.in.err != nil {
			break
		}
		if err := c.next(true); err != nil && !errors.Is(err, io.EOF) {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, err
		}
	}
	if !errors.Is(c.in.err, io.EOF) {
		return nil, c.in.err
	}
	if !c.closing.CompareAndSwap(false, true) {
		return nil, c.closedError("close")
	}
	var rest []byte
	if c.in.buf != nil {
		rest = append(rest, c.in.buf.b[c.in.r:c.in.w]...)
		putBuffer(c.in.buf)
		c.in.buf, c.in.r, c.in.w = nil, 0, 0
	}
	if len(rest) == 0 {
		return c.raw, nil
	}
	return &plainConn{Conn: c.raw, rest: rest}, nil
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
