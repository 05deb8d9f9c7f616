//go:build unix

// Package sealnetpoll serves encrypted connections with the event loop of
// cloudwego/netpoll.
//
//	e, err := adapt.NewServer(cfg, handler)
//	loop, err := sealnetpoll.NewEventLoop(e)
//	err = loop.Serve(listener)
//
// The handler's methods run on a goroutine of netpoll, for each connection one at a time.
// A Write waits there until the peer has taken the output, at most 30 seconds for each 64
// KiB of it. netpoll.WithWriteTimeout sets another bound.
package sealnetpoll

import (
	"context"
	"slices"
	"syscall"
	"time"

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
	bound := netpoll.WithWriteTimeout(writeTimeout) // which one of opts replaces
	all := slices.Concat([]netpoll.Option{bound}, opts, []netpoll.Option{prepare})
	return netpoll.NewEventLoop(request, all...)
}

// writeTimeout is how long a peer may take for a part of the output. Without a bound, a peer that
// takes nothing would hold a goroutine for as long as it likes. Tests change it.
var writeTimeout = 30 * time.Second

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

// most is how many bytes are decrypted or written at once. netpoll may have many more to decrypt,
// and calls again.
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

func (t *transport) Write(b []byte) (n int, err error) {
	w := t.Writer()
	for n < len(b) && err == nil {
		var own []byte
		if own, err = w.Malloc(min(len(b)-n, most)); err != nil { // WriteBinary would keep b
			break
		}
		n += copy(own, b[n:])
		err = w.Flush()
	}
	return n, err
}

// Buffered returns 0, because Write waits.
func (t *transport) Buffered() int { return 0 }
