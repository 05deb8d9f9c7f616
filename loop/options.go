package loop

import (
	"errors"
	"time"
)

// Options configure a Group. The zero value has defaults for all of it.
type Options struct {
	// Loops is the number of loops, each with a goroutine and a poller of its own.
	// 0 means the number of CPUs that Go uses.
	Loops int
	// IdleTimeout ends connections on which nothing has been received or written for
	// that long. 0 means no limit. The resolution is a second.
	IdleTimeout time.Duration
	// WriteTimeout ends connections whose peer has taken nothing of the waiting output
	// for that long. 0 means 30 seconds; a negative value means no limit.
	WriteTimeout time.Duration
	// WriteLimit bounds, in bytes, the output that waits for the peer of one
	// connection. 0 means 1 MiB.
	WriteLimit int
}

// The defaults of Options.
const (
	defaultWriteTimeout = 30 * time.Second
	defaultWriteLimit   = 1 << 20
)

// The errors of this package. OnClose receives the timeouts wrapped in an *engine.Error.
var (
	ErrFull         = errors.New("loop: more output waits than Options.WriteLimit allows")
	ErrClosed       = errors.New("loop: the connection or its group is closed")
	ErrIdle         = errors.New("nothing was received or written within Options.IdleTimeout")
	ErrWriteTimeout = errors.New("the peer took nothing within Options.WriteTimeout")
)

// A Handler is what a connection's events are given to. Its methods are called from the
// goroutine of the connection's loop and must not block; they may call all methods of
// the Conn. A panic in one ends the connection with an error that has its stack; one in
// OnClose is dropped, because the connection has ended.
type Handler interface {
	// OnOpen is called once, before the other methods.
	OnOpen(c *Conn)
	// OnData is called with application data, which is valid until it returns.
	OnData(c *Conn, data []byte)
	// OnClose is called once, after which nothing else is. err is nil if the peer
	// has ended its direction with close_notify or Close was called, and otherwise
	// the reason: an *engine.Error, or an error of the system.
	OnClose(c *Conn, err error)
}

// An Ender is a Handler that continues to write after the peer has ended its
// direction: OnEnd is called then, and the Handler calls Close when it is done. With
// other Handlers, the connection is closed once the waiting output is written.
type Ender interface {
	OnEnd(c *Conn)
}

// A Drainer is a Handler that is told when all waiting output was written.
type Drainer interface {
	OnDrained(c *Conn)
}
