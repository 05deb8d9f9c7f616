//go:build unix

// Package sealnetpoll serves encrypted connections with the event loop of
// cloudwego/netpoll.
//
//	e, err := adapt.NewServer(cfg, handler)
//	loop, err := sealnetpoll.NewEventLoop(e)
//	err = loop.Serve(listener)
//
// The handler's methods run on a goroutine of netpoll, for each connection one at a time.
// A Write waits there until the peer has taken the output: netpoll.WithWriteTimeout bounds
// the wait.
package sealnetpoll

import (
	"context"
	"slices"
	"syscall"

	"github.com/cloudwego/netpoll"
	"github.com/sealsock/sealsock/loop/adapt"
)

// NewEventLoop returns an event loop for the connections of e. OnPrepare and OnRequest are
// its own; opts may have the others.
func NewEventLoop(e *adapt.Endpoint, opts ...netpoll.Option) (netpoll.EventLoop, error) {
	prepare := netpoll.WithOnPrepare(func(c netpoll.Connection) context.Context {
		return context.WithValue(context.Background(), key{}, begin(e, c))
	})
	request := func(ctx context.Context, c netpoll.Connection) error {
		t, ok := ctx.Value(key{}).(*transport)
		if !ok {
			return c.Close()
		}
		return t.request()
	}
	return netpoll.NewEventLoop(request, slices.Concat(opts, []netpoll.Option{prepare})...)
}

// key is the key of a connection's transport in its context.
type key struct{}

// begin encrypts a connection. It returns nil if that is not possible.
func begin(e *adapt.Endpoint, c netpoll.Connection) any {
	if own, ok := c.(netpoll.Conn); ok {
		// A program that this one starts would inherit the descriptor. netpoll would then
		// see events for it after it was closed, and take them for another connection's.
		syscall.CloseOnExec(own.Fd())
	}
	t := &transport{Connection: c}
	var err error
	t.Wait(func() { t.sealed, err = e.NewConn(t) })
	if err != nil {
		return nil
	}
	_ = c.AddCloseCallback(func(netpoll.Connection) error {
		t.Run(func() { t.sealed.Closed(nil) })
		return nil
	})
	return t
}

// A transport is a connection of netpoll.
type transport struct {
	adapt.Turns
	netpoll.Connection
	sealed *adapt.Conn
}

// most is how many bytes are decrypted at once. netpoll may have many more, and calls again.
const most = 64 << 10

// request decrypts what has arrived.
func (t *transport) request() error {
	r := t.Reader()
	b, err := r.Next(min(r.Len(), most))
	if err != nil {
		return t.Connection.Close()
	}
	t.Wait(func() { t.sealed.Receive(b) })
	return r.Release()
}

func (t *transport) Write(b []byte) (int, error) {
	w := t.Writer()
	own, err := w.Malloc(len(b)) // WriteBinary would keep b
	if err != nil {
		return 0, err
	}
	n := copy(own, b)
	return n, w.Flush()
}

// Buffered returns 0, because Write waits.
func (t *transport) Buffered() int { return 0 }
