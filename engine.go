package sealsock

import (
	"context"
	"net"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/panics"
	"github.com/sealsock/sealsock/internal/stream"
	"github.com/sealsock/sealsock/trust"
)

// An Engine makes connections of package engine with the settings of a Config, for
// programs that do their own input and output, such as an event loop. Such a program
// makes no decision of security: the Config answers what the engine asks. An Engine
// may be used from any goroutine.
type Engine struct {
	prepared *prepared
	server   bool
}

// ClientEngine returns an Engine for clients. A nil cfg is the zero Config.
func ClientEngine(cfg *Config) (*Engine, error) { return newEngine(cfg, false) }

// ServerEngine returns an Engine for servers. Like a Listener it makes its own ticket
// keys if cfg has none.
func ServerEngine(cfg *Config) (*Engine, error) { return newEngine(withTickets(cfg), true) }

func newEngine(cfg *Config, server bool) (*Engine, error) {
	p, err := prepare(cfg, server)
	if err != nil {
		return nil, err
	}
	return &Engine{p, server}, nil
}

// NewConn returns a connection. On a client, name is what the server must prove; if it
// is empty, it is Config.ServerName. Sessions are cached by the name and by address,
// which may be empty. A server ignores both.
func (e *Engine) NewConn(name, address string) (c *EngineConn, err error) {
	if e == nil || e.prepared == nil {
		return nil, errNoEngine
	}
	defer caught(&c, &err)
	p := e.prepared
	c = &EngineConn{answers: answers{cfg: p.Config}}
	if e.server {
		c.Conn, err = engine.NewConn(engine.Server(c.traced(p.engine)))
	} else {
		if name == "" {
			name = p.ServerName
		}
		c.to = &target{name: name, address: address, ech: p.ECHConfigs}
		c.Conn, err = engine.NewConn(c.startClient(p.engine))
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// An EngineConn is a connection that an Engine made. Its methods are for one goroutine
// at a time.
type EngineConn struct {
	*engine.Conn
	answers
	checked bool // the end of the handshake
}

// Detach takes a connection apart, for a program that continues without a goroutine for
// it, such as an event loop: what c has done since its handshake stays valid. It sends what
// is waiting, and it returns the connection below, the application data that was
// decrypted and not read, and the bytes that were received and not decrypted, which must be
// given to Receive before any others. No other method may be called at the same time;
// afterwards they return net.ErrClosed.
func (c *Conn) Detach() (e *EngineConn, raw net.Conn, data, records []byte, err error) {
	if c == nil {
		return nil, nil, nil, nil, stream.ErrNotMade
	}
	if c.packets != nil {
		return nil, nil, nil, nil, errPackets
	}
	if err := c.awaitOpen(context.Background()); err != nil {
		return nil, nil, nil, nil, err
	}
	d, err := c.stream.Detach()
	if err != nil {
		return nil, nil, nil, nil, err
	}
	inner, err := engine.NewConn(d.Receiver, d.Sender, nil)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	e = &EngineConn{Conn: inner, answers: answers{cfg: c.cfg}, checked: true}
	if c.to != nil {
		to := *c.to // c's own is part of c's memory, which can go
		e.to = &to
	}
	e.peer.Store(c.Peer())
	return e, d.Raw, d.Data, d.Records, nil
}

// Receive is [engine.Conn.Receive]. It gives sessions to the Config's cache. When the handshake
// is done it calls Config.VerifyConnection, whose error ends the connection.
func (c *EngineConn) Receive(in []byte) (n int, ev engine.Event, err error) {
	if c == nil {
		return (*engine.Conn)(nil).Receive(in)
	}
	n, ev, err = c.Conn.Receive(in)
	if err == nil {
		if err = c.check(); err != nil {
			return n, engine.Event{}, err
		}
	}
	switch ev.Kind {
	case engine.EventClientAuth:
		if !ev.Declined {
			c.proved(false)
		}
	case engine.EventSession:
		c.keepSession(ev.Session)
	}
	return n, ev, err
}

// Resume is [engine.Conn.Resume], for a program that answers a question itself. It does what
// Receive does at the end of the handshake; a refusal is the next error of Receive.
func (c *EngineConn) Resume(a engine.Answer) error {
	if c == nil {
		return (*engine.Conn)(nil).Resume(a)
	}
	err := c.Conn.Resume(a)
	if err == nil {
		_ = c.check()
	}
	return err
}

// check calls VerifyConnection, once, when the handshake is done: before EventHandshakeDone, which
// comes with a later call, because the program may send as soon as Ready allows it.
func (c *EngineConn) check() error {
	if c.checked {
		return nil
	}
	s := c.State()
	if !s.HandshakeDone {
		return nil
	}
	c.checked = true
	c.proved(s.Resumed)
	refused := c.verifyState(s)
	if refused != nil {
		_ = c.Abort(refused) // the refusal is the error that counts
	}
	return refused
}

// Answer finds the answer to the question of an EventWaiting, and gives it to Resume. It
// may block until ctx ends, because it may use the network. A panic in a callback of the
// Config is an answer that refuses. No other method may be called meanwhile.
func (c *EngineConn) Answer(ctx context.Context, q engine.Question) (err error) {
	if c == nil || c.Conn == nil {
		return (*engine.Conn)(nil).Resume(engine.Answer{})
	}
	defer func() {
		if v := recover(); v != nil {
			err = c.Resume(engine.Refuse(panics.New(v)))
		}
	}()
	answer, err := c.answer(ctx, q)
	if err != nil {
		answer = engine.Refuse(err)
	}
	return c.Resume(answer)
}

// Peer returns what was found out about the peer's certificate, or nil until the
// peer has proved it and for a client without one.
func (c *EngineConn) Peer() *trust.Result {
	if c == nil {
		return nil
	}
	return c.peer.Load()
}
