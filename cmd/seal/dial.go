package main

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/engine"
)

// A dialer makes one connection: it holds the options of its first flight, and the
// result.
type dialer struct {
	addr    address.Address
	cfg     *sealsock.Config
	done    func()
	out     *output
	session *sessionFile // of --session; nil for none
	early   []byte       // of --early-data
	sent    int          // bytes of it that went out before the handshake was done
	route   route
	shared  *sealsock.Dialer // of many connections; nil for one
}

// share prepares the configuration once for the copies of c, which make a connection each.
func (c *dialer) share() (err error) {
	c.shared, err = sealsock.NewDialer(c.cfg)
	return err
}

// tlsDialer returns what connects and runs the handshake, for this connection alone.
func (c *dialer) tlsDialer() (*sealsock.Dialer, error) {
	if c.shared == nil {
		return sealsock.NewDialer(c.cfg)
	}
	d := *c.shared
	return &d, nil
}

// dial connects and runs the handshake, within the time of ctx.
func (c *dialer) dial(ctx context.Context) (*sealsock.Conn, error) {
	d, err := c.tlsDialer()
	if err != nil {
		return nil, err
	}
	d.Connect = c.route.connect
	if len(c.early) > 0 {
		d.BeforeHandshake = c.sendEarly
	}
	d.OnECHRetry = func(rejected *engine.ECHRejectedError) {
		c.out.warn("--ech-config is out of date: trying again with what %s sent. "+
			"The next time: --ech-config %s", rejected.PublicName,
			base64.StdEncoding.EncodeToString(rejected.RetryConfigs))
	}
	conn, err := d.DialAddress(ctx, c.addr)
	if err != nil {
		return nil, err
	}
	if err := c.sendRest(ctx, conn); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// sendEarly sends as much of --early-data as the server accepts with the first flight.
// If the server refuses it, the connection sends it again.
func (c *dialer) sendEarly(ctx context.Context, conn *sealsock.Conn) (err error) {
	defer writesUntil(ctx, conn)()
	if c.addr.Packets() {
		c.sent, err = (&packetConn{Conn: conn}).WriteEarly(c.early)
	} else {
		c.sent, err = conn.WriteEarly(c.early)
	}
	if errors.Is(err, sealsock.ErrNoEarlyData) {
		return nil
	}
	return causeOf(ctx, err)
}

// sendRest sends the rest of --early-data.
func (c *dialer) sendRest(ctx context.Context, conn *sealsock.Conn) error {
	if c.sent == len(c.early) {
		return nil
	}
	defer writesUntil(ctx, conn)()
	_, err := overPackets(conn).Write(c.early[c.sent:])
	return causeOf(ctx, err)
}

// causeOf returns the cause of the end of ctx, if that is why there is an error.
func causeOf(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// facts returns the facts about the connection.
func (c *dialer) facts(conn *sealsock.Conn) *facts {
	f := factsOf(conn, "connected to")
	f.Session, f.Early = c.session.outcome(f.Resumed), c.earlyOf(conn)
	return f
}

// writesUntil makes the end of ctx interrupt what is written to conn, until release.
func writesUntil(ctx context.Context, conn *sealsock.Conn) (release func()) {
	stop := context.AfterFunc(ctx, func() { conn.SetWriteDeadline(time.Unix(1, 0)) })
	return func() {
		if stop() {
			conn.SetWriteDeadline(time.Time{})
		}
	}
}
