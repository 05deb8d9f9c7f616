package datagram

import (
	"context"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// RequestClientCertificate asks, on a server, for the client's certificate, and waits for the
// answer.
func (c *Conn) RequestClientCertificate(ctx context.Context) error {
	answered := make(chan struct{})
	var request string
	err := c.control(ctx, func(e *engine.DatagramConn, now time.Time) error {
		id, err := e.RequestCertificate(now)
		if err != nil {
			return err
		}
		if c.late == nil {
			c.late = map[string]chan struct{}{}
		}
		request = string(id)
		c.late[request] = answered
		return nil
	})
	if err != nil {
		return err
	}
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if delete(c.late, request); len(c.late) == 0 {
			c.late = nil
		}
	}()
	return c.awaitAnswer(ctx, answered)
}

// awaitAnswer waits until the client has answered, or the connection has ended.
func (c *Conn) awaitAnswer(ctx context.Context, answered <-chan struct{}) error {
	for {
		c.in.mu.Lock()
		ended, changed := c.in.err, c.in.change()
		c.in.mu.Unlock()
		select {
		case <-answered:
			return nil
		default:
		}
		if ended != nil {
			return ended
		}
		select {
		case <-answered:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}
