package adapt

import (
	"net"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/alarm"
)

// A Transport is the connection of the library. All of its methods but Run are called in
// functions that Run calls, and in Receive and Closed.
type Transport interface {
	// Write sends b, all of it. It keeps no part of b, unless it returns an error, which
	// ends the connection.
	Write(b []byte) (int, error)
	// Buffered returns the number of bytes that Write has taken and the peer has not.
	Buffered() int
	// Close closes the connection. What waits may be lost.
	Close() error
	// RemoteAddr returns the address of the peer.
	RemoteAddr() net.Addr
	// Run calls f, now or later, where the connection may be used: on the goroutine of
	// its loop or, with Turns, on any. No two functions run at the same time, and none
	// beside Receive and Closed. It may be called from any goroutine and must not wait
	// for f.
	Run(f func())
}

// A Handler is what a connection's events are given to. Its methods must not block. They
// may call all methods of the Conn except Receive and Closed. A panic in one ends the
// connection with an error that has its stack.
type Handler interface {
	// OnOpen is called once the handshake is done and the peer proved.
	OnOpen(c *Conn)
	// OnData is called with application data, which is valid until it returns.
	OnData(c *Conn, data []byte)
	// OnClose is called once, after which nothing else is; also for a connection whose
	// handshake has failed, for which OnOpen was not called. err is nil if the peer has
	// ended its direction with close_notify or Close was called, and otherwise the
	// reason.
	OnClose(c *Conn, err error)
}

// A Drainer is a Handler that is told when there is room again after ErrFull.
type Drainer interface {
	OnDrained(c *Conn)
}

// An Endpoint makes connections with one Config and one Handler. Its methods may be called
// from any goroutine.
type Endpoint struct {
	// WriteLimit bounds, in bytes, the output of one connection that waits for the peer,
	// and the input that waits for an answer, such as a verification. 0 means 1 MiB. It
	// must not be changed after the first connection.
	WriteLimit int

	maker   *sealsock.Engine
	handler Handler
	timeout time.Duration // of a handshake, or negative
	output  buffers
	parts   buffers // each for a record
	rests   restList
}

// NewServer returns an Endpoint for the connections of a server.
func NewServer(cfg *sealsock.Config, h Handler) (*Endpoint, error) {
	return newEndpoint(cfg, h, sealsock.ServerEngine)
}

// NewClient returns an Endpoint for the connections of a client. Config.ServerName is what
// the servers must prove. A nil cfg is the zero Config.
func NewClient(cfg *sealsock.Config, h Handler) (*Endpoint, error) {
	return newEndpoint(cfg, h, sealsock.ClientEngine)
}

const (
	defaultWriteLimit       = 1 << 20
	defaultHandshakeTimeout = 10 * time.Second
)

func newEndpoint(
	cfg *sealsock.Config, h Handler, prepare func(*sealsock.Config) (*sealsock.Engine, error),
) (*Endpoint, error) {
	if h == nil {
		return nil, misuse("an Endpoint needs a Handler")
	}
	if cfg != nil && (cfg.MaxEarlyData > 0 || cfg.EarlyData) {
		return nil, misuse("package adapt does not support 0-RTT data")
	}
	maker, err := prepare(cfg)
	if err != nil {
		return nil, err
	}
	e := &Endpoint{maker: maker, handler: h, timeout: defaultHandshakeTimeout}
	if cfg != nil && cfg.HandshakeTimeout != 0 {
		e.timeout = cfg.HandshakeTimeout
	}
	return e, nil
}

func misuse(reason string) error {
	return &engine.Error{Fault: engine.FaultUsage, Reason: reason}
}

// NewConn returns a Conn over t. A client's first bytes are written at once. It must be
// called where t may be used, as in Run.
func (e *Endpoint) NewConn(t Transport) (*Conn, error) {
	switch {
	case e == nil || e.maker == nil:
		return nil, misuse("an Endpoint that was not made by NewServer or NewClient")
	case t == nil:
		return nil, misuse("a Conn needs a Transport")
	}
	inner, err := e.maker.NewConn("", "")
	if err != nil {
		return nil, err
	}
	c := &Conn{endpoint: e, engine: inner, transport: t}
	if e.timeout > 0 {
		c.timer = alarm.After(e.timeout, func() {
			t.Run(func() {
				if !c.open {
					c.end(timedOut(ErrHandshakeTimeout))
				}
			})
		})
	}
	c.Receive(nil)
	return c, nil
}

func (e *Endpoint) limit() int {
	if e.WriteLimit > 0 {
		return e.WriteLimit
	}
	return defaultWriteLimit
}
