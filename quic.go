package sealsock

import (
	"context"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/panics"
	"github.com/sealsock/sealsock/trust"
)

// NewQUIC returns one side of the handshake of a QUIC connection (RFC 9001), for a program that
// has the rest of QUIC. It makes no decision of security: the Config answers what the engine
// asks. Config.ALPN is mandatory. On a client, name is what the server must prove; if it is
// empty, it is Config.ServerName. Sessions are cached by the name and by address, which may be
// empty, apart from those of TCP. A server ignores both.
func (e *Engine) NewQUIC(name, address string, o engine.QUICOptions) (c *QUICConn, err error) {
	if e == nil || e.prepared == nil {
		return nil, errNoEngine
	}
	defer caught(&c, &err)
	p := e.prepared
	c = &QUICConn{answers: answers{cfg: p.Config}}
	if e.server {
		c.QUICConn, err = engine.QUICServer(c.traced(p.engine), o)
	} else {
		if name == "" {
			name = p.ServerName
		}
		c.to = &target{name: name, address: "quic " + address, ech: p.ECHConfigs}
		c.QUICConn, err = engine.QUICClient(c.traced(p.engine), c.target(), o)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// A QUICConn is a connection that Engine.NewQUIC made. Its methods are for one goroutine at a
// time.
type QUICConn struct {
	*engine.QUICConn
	answers
	checked bool // the end of the handshake
	refused bool // by Config.VerifyConnection
}

// HandleData is [engine.QUICConn.HandleData]. When the handshake is done it calls
// Config.VerifyConnection, whose error ends the connection.
func (c *QUICConn) HandleData(level engine.QUICLevel, data []byte) error {
	if c == nil {
		return (*engine.QUICConn)(nil).HandleData(level, data)
	}
	return c.check(c.QUICConn.HandleData(level, data))
}

// Resume is [engine.QUICConn.Resume], for a program that answers a question itself. It does
// what HandleData does at the end of the handshake.
func (c *QUICConn) Resume(a engine.Answer) error {
	if c == nil {
		return (*engine.QUICConn)(nil).Resume(a)
	}
	return c.check(c.QUICConn.Resume(a))
}

// check calls VerifyConnection, once, when the handshake is done.
func (c *QUICConn) check(err error) error {
	if err != nil || c.checked {
		return err
	}
	s := c.State()
	if !s.HandshakeDone {
		return nil
	}
	c.checked = true
	c.proved(s.Resumed)
	if err := c.verifyState(s); err != nil {
		c.refused = true
		return c.Abort(err)
	}
	return nil
}

// NextEvent is [engine.QUICConn.NextEvent]. There are no events after a refusal by
// Config.VerifyConnection.
func (c *QUICConn) NextEvent() engine.QUICEvent {
	if c == nil || c.refused {
		return engine.QUICEvent{}
	}
	return c.QUICConn.NextEvent()
}

// Answer finds the answer to the question of a QUICWaiting, and gives it to Resume. It may block
// until ctx ends, because it may use the network. A panic in a callback of the Config is an
// answer that refuses. No other method may be called meanwhile.
func (c *QUICConn) Answer(ctx context.Context, q engine.Question) (err error) {
	if c == nil || c.QUICConn == nil {
		return (*engine.QUICConn)(nil).Resume(engine.Answer{})
	}
	return c.Resume(c.found(ctx, q))
}

// found returns the answer to a question, which may refuse.
func (c *QUICConn) found(ctx context.Context, q engine.Question) (a engine.Answer) {
	defer func() {
		if v := recover(); v != nil {
			a = engine.Refuse(panics.New(v))
		}
	}()
	a, err := c.answer(ctx, q)
	if err != nil {
		return engine.Refuse(err)
	}
	return a
}

// StoreSession gives the session of a QUICStoreSession to the Config's cache. Set Session.Extra
// before.
func (c *QUICConn) StoreSession(s *engine.Session) {
	if c != nil && c.to != nil && s != nil {
		c.keepSession(s)
	}
}

// Peer returns what was found out about the peer's certificate, or nil until the
// peer has proved it and for a client without one.
func (c *QUICConn) Peer() *trust.Result {
	if c == nil {
		return nil
	}
	return c.peer.Load()
}

var errNoEngine = &engine.Error{
	Fault: engine.FaultUsage, Alert: iana.AlertInternalError,
	Reason: "an Engine that was not made by ClientEngine or ServerEngine",
}
