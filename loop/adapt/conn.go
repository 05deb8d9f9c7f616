package adapt

import (
	"errors"
	"net"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/alarm"
	"github.com/sealsock/sealsock/trust"
)

// The errors of this package. OnClose receives the timeouts wrapped in an *engine.Error.
var (
	ErrFull             = errors.New("adapt: more output waits than Endpoint.WriteLimit allows")
	ErrClosed           = errors.New("adapt: the connection is closed")
	ErrHandshakeTimeout = errors.New("the handshake took longer than Config.HandshakeTimeout")
	ErrWriteTimeout     = errors.New("the peer took nothing within 30 seconds")
)

// A Conn is an encrypted connection over a Transport. Its methods may be called only by
// the library's callbacks for this connection, by its Handler, and by functions given to
// Do; Do alone may be called from any goroutine.
type Conn struct {
	endpoint  *Endpoint
	engine    *sealsock.EngineConn
	transport Transport
	value     any

	in    []byte       // received and not processed: a part of a record, or all during an answer
	held  []byte       // written while the engine waits for an answer
	timer *alarm.Alarm // of the handshake
	slow  *slowness    // while output waits and that matters

	open    bool // OnOpen was called
	inside  bool // consume is under way
	asking  bool // the engine waits for an answer, which is looked for elsewhere
	ended   bool // the peer has sent close_notify
	closing bool // Close was called
	over    bool // OnClose was called, or is about to be
	full    bool // Write has returned ErrFull
	active  bool // since the last look at it
	listed  bool // in Endpoint.rests
	answers int8 // to requests for a certificate, while more than Endpoint.WriteLimit waits
}

// Do has f called where the connection may be used, after what is under way there. If c is
// closed, f is still called, and the methods of c return ErrClosed.
func (c *Conn) Do(f func(c *Conn)) {
	if c == nil || c.transport == nil {
		return
	}
	c.transport.Run(func() {
		c.guarded(func() { f(c) })
		c.flush()
	})
}

// Write seals p and gives it to the Transport when the callback ends. It keeps no part of p
// and does not wait. If more than Endpoint.WriteLimit waits for the peer already, Write
// takes nothing and returns ErrFull: continue after OnDrained.
func (c *Conn) Write(p []byte) (n int, err error) {
	switch {
	case c.gone() || c.closing:
		return 0, ErrClosed
	case !c.open:
		return 0, misuse("Write before OnOpen")
	case c.Buffered() > c.endpoint.limit():
		c.full = true
		return 0, ErrFull
	}
	c.touch()
	if c.asking {
		c.held = append(c.held, p...)
		return len(p), nil
	}
	if len(c.engine.Output()) == 0 {
		c.engine.Buffer(c.endpoint.output.get())
	}
	if err := c.engine.Send(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Buffered returns the number of bytes that wait for the peer to take them.
func (c *Conn) Buffered() int {
	if c.gone() {
		return 0
	}
	n := len(c.held) + c.transport.Buffered()
	if !c.asking {
		n += len(c.engine.Output())
	}
	return n
}

// Rekey changes the sending key, and asks the peer to change its own if both is set.
// RFC 9846, Section 4.6.3.
func (c *Conn) Rekey(both bool) error {
	if c.gone() || c.closing || c.asking {
		return ErrClosed
	}
	c.touch()
	return c.engine.Rekey(both)
}

// Close sends what waits, then close_notify, and closes the connection. OnClose is called
// with nil at once. Nothing is received any more. If the peer takes nothing for 30 seconds,
// the rest is dropped.
func (c *Conn) Close() error {
	if c.gone() || c.closing {
		return ErrClosed
	}
	c.closing = true
	if c.asking {
		return nil // the answer comes first
	}
	if !c.open {
		c.end(nil)
		return nil
	}
	return c.engine.CloseWrite()
}

func (c *Conn) gone() bool { return c == nil || c.engine == nil || c.over }

// State returns what is known of the connection.
func (c *Conn) State() engine.State {
	if c == nil || c.engine == nil || c.asking {
		return engine.State{}
	}
	return c.engine.State()
}

// Peer returns what was found out about the peer's certificate, or nil for a client
// without one.
func (c *Conn) Peer() *trust.Result {
	if c == nil {
		return nil
	}
	return c.engine.Peer()
}

// RemoteAddr returns the address of the peer, or nil after the end.
func (c *Conn) RemoteAddr() net.Addr {
	if c.gone() {
		return nil
	}
	return c.transport.RemoteAddr()
}

// SetValue keeps something with c for its Handler; Value returns it.
func (c *Conn) SetValue(v any) {
	if c != nil {
		c.value = v
	}
}

// Value returns what SetValue has kept, or nil.
func (c *Conn) Value() any {
	if c == nil {
		return nil
	}
	return c.value
}

// timedOut is the error for a connection that a timeout ended.
func timedOut(why error) error {
	return &engine.Error{
		Fault: engine.FaultTransport, Alert: iana.AlertInternalError,
		Reason: "the connection was ended", Err: why,
	}
}
