package loop

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
)

// A Group drives connections with a few loops. Make one with New. Its methods may be
// called from any goroutine.
type Group struct {
	opts  Options
	loops []*loop
	next  atomic.Uint32
	done  sync.WaitGroup
}

// New starts a Group. It needs epoll or kqueue: elsewhere the error is
// errors.ErrUnsupported.
func New(opts Options) (*Group, error) {
	if opts.Loops <= 0 {
		opts.Loops = runtime.GOMAXPROCS(0)
	}
	if opts.WriteLimit <= 0 {
		opts.WriteLimit = defaultWriteLimit
	}
	if opts.WriteTimeout == 0 {
		opts.WriteTimeout = defaultWriteTimeout
	}
	g := &Group{opts: opts}
	for range opts.Loops {
		l, err := newLoop(&g.opts)
		if err != nil {
			for _, l := range g.loops {
				l.poll.close()
			}
			return nil, err
		}
		g.loops = append(g.loops, l)
	}
	for _, l := range g.loops {
		g.done.Go(l.run)
	}
	return g, nil
}

// Add takes over a connection of package sealsock and calls h for it. It finishes the
// handshake first, if that is not done; no other method of c may be under way. The
// connection below must be a *net.TCPConn or a *net.UnixConn.
func (g *Group) Add(c *sealsock.Conn, h Handler) (*Conn, error) {
	if g == nil || len(g.loops) == 0 {
		return nil, ErrClosed
	}
	if h == nil {
		return nil, &engine.Error{Fault: engine.FaultUsage, Reason: "a connection needs a Handler"}
	}
	below, err := socketOf(c.NetConn())
	if err != nil {
		return nil, err
	}
	e, raw, data, records, err := c.Detach()
	if err != nil {
		return nil, err
	}
	fd, err := ownDescriptor(below)
	raw.Close() // the descriptor is another one
	if err != nil {
		return nil, err
	}
	own := &Conn{engine: e, handler: h, fd: int32(fd), writable: true, readable: true}
	own.setRest(records, nil)
	own.loop = g.loops[int(g.next.Add(1))%len(g.loops)]
	if !own.loop.post(func() { own.loop.open(own, data) }) {
		sysClose(own.fd)
		return nil, ErrClosed
	}
	return own, nil
}

// socketOf returns the socket below a connection. A type that wraps one may read and
// write in its own way.
func socketOf(raw net.Conn) (syscall.Conn, error) {
	switch raw := raw.(type) {
	case *net.TCPConn:
		return raw, nil
	case *net.UnixConn:
		return raw, nil
	}
	return nil, &engine.Error{
		Fault:  engine.FaultUsage,
		Reason: fmt.Sprintf("a loop drives TCP and UNIX-domain sockets and not a %T", raw),
	}
}

// Serve adds each connection that l accepts, until ctx ends or l is closed. Then it
// returns the reason. Connections that cannot be added are closed.
func (g *Group) Serve(ctx context.Context, l *sealsock.Listener, h Handler) error {
	for {
		c, err := l.AcceptConn(ctx)
		if err != nil {
			return err
		}
		if _, err := g.Add(c, h); err != nil {
			c.Close()
			if err == ErrClosed {
				return err
			}
		}
	}
}

// Len returns the number of connections.
func (g *Group) Len() int {
	n := 0
	if g != nil {
		for _, l := range g.loops {
			n += int(l.count.Load())
		}
	}
	return n
}

// Close closes all connections with close_notify, without waiting for their peers, and
// ends the loops. OnClose receives ErrClosed. It must not be called by a Handler.
func (g *Group) Close() error {
	if g == nil || len(g.loops) == 0 {
		return ErrClosed
	}
	for _, l := range g.loops {
		l.stop()
	}
	g.done.Wait()
	return nil
}
