package main

import (
	"context"
	"errors"

	"github.com/sealsock/sealsock"
)

// A clientConn is a connection of connect.
type clientConn struct {
	measuredConn
	facts *facts
	id    int64 // its number among those of this process
}

// connectOnce connects.
func (flags *connectFlags) connectOnce(
	ctx context.Context, out *output, c *dialer,
) (*clientConn, error) {
	conn, f, err := flags.dial(ctx, c)
	if err != nil {
		return nil, err
	}
	return &clientConn{measuredConn{conn, newTraffic()}, f, out.connections.Add(1)}, nil
}

// exchange joins standard input and output, or a terminal, to a connection, and to those
// that the user asks for after it.
func (flags *connectFlags) exchange(
	ctx context.Context, out *output, c *dialer, conn *clientConn,
) error {
	ctx, e, err := openStdio(ctx, out)
	if err != nil {
		conn.Close()
		return err
	}
	defer e.restore()
	var again chan struct{}
	if e.escapes != nil {
		again = make(chan struct{}, 1)
		e.escapes.again = again
	}
	for {
		// The terminal is ready for input when the user reads this.
		flags.report(out, conn.facts, conn.id)
		err := exchangeOnce(ctx, out, e, conn, again)
		if !errors.Is(err, errReconnect) {
			out.log(endOf(conn.id, conn.facts.Remote, conn.traffic, err))
			return err
		}
		out.log(endOf(conn.id, conn.facts.Remote, conn.traffic, nil))
		c.renew()
		if conn, err = flags.connectOnce(ctx, out, c); err != nil {
			return err
		}
	}
}

// exchangeOnce carries standard input and output, or the lines of a terminal.
func exchangeOnce(
	ctx context.Context, out *output, e *stdio, conn *clientConn, again <-chan struct{},
) error {
	defer e.attach(conn.tlsConn)()
	x := &exchange{conn: conn.measuredConn, in: e.in, out: e.out, typed: e.typed, piped: e.piped,
		again: again}
	e.escapes.describe(conn.facts, conn.traffic)
	x.closed = func() { out.print(endedByPeer{}) }
	x.unsure = func() { out.warn(unsureText) }
	x.meter = out.meter("", e.size)
	defer x.meter.end()
	return x.run(ctx)
}

// renew prepares c for another connection, which resumes the session of the last one. What
// --early-data names was sent.
func (c *dialer) renew() {
	c.early, c.sent = nil, 0
	if c.session != nil {
		c.cfg.Session = nil
		c.session.renew()
		c.session.apply(c.cfg)
	}
}

// keepSessions makes a connection of a terminal remember its sessions, for renew.
func (c *dialer) keepSessions() {
	if c.session == nil {
		c.cfg.Sessions = sealsock.NewMemoryCache(0)
	}
}
