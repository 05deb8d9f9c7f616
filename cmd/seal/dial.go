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
	addr    string
	cfg     *sealsock.Config
	done    func()
	out     *output
	session *sessionFile // of --session; nil for none
	early   []byte       // of --early-data
	sent    int          // bytes of it that went out before the handshake was done

	starttls string // the protocol of --starttls; empty for TLS from the first byte
}

// dial connects and runs the handshake. If the server sends a retry configuration
// for Encrypted ClientHello, dial tries again with that one, once (RFC 9849, Section
// 6.1.6).
func (c *dialer) dial(ctx context.Context) (*sealsock.Conn, error) {
	a, err := address.Parse(c.addr)
	if err != nil {
		return nil, err
	}
	conn, err := c.try(ctx, a, c.cfg)
	var rejected *engine.ECHRejectedError
	if !errors.As(err, &rejected) || rejected.RetryConfigs == nil {
		return conn, err
	}
	c.out.warn("--ech-config is out of date: trying again with what %s sent. The next time: --ech-config %s",
		rejected.PublicName, base64.StdEncoding.EncodeToString(rejected.RetryConfigs))
	again := *c.cfg
	again.ECHConfigs = rejected.RetryConfigs
	return c.try(ctx, a, &again)
}

// try is one attempt.
func (c *dialer) try(ctx context.Context, a address.Address, cfg *sealsock.Config) (*sealsock.Conn, error) {
	raw, err := a.Dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.upgrade(ctx, raw); err != nil {
		raw.Close()
		return nil, err
	}
	conn, err := sealsock.Client(raw, cfg)
	if err != nil {
		raw.Close()
		return nil, err
	}
	if err := c.handshake(ctx, conn); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// handshake runs the handshake. Early data that the server refused is sent again by the
// connection itself; what was over its limit follows here.
func (c *dialer) handshake(ctx context.Context, conn *sealsock.Conn) error {
	if len(c.early) == 0 {
		return conn.Handshake(ctx)
	}
	release := writesUntil(ctx, conn)
	defer release()
	sent, err := conn.WriteEarly(c.early)
	c.sent = sent
	if err == nil || errors.Is(err, sealsock.ErrNoEarlyData) {
		err = conn.Handshake(ctx)
	}
	if err == nil && sent < len(c.early) {
		_, err = conn.Write(c.early[sent:])
	}
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
