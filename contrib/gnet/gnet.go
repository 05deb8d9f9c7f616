// Package sealgnet serves encrypted connections with the event loop of gnet v2.
//
//	e, err := adapt.NewServer(cfg, handler)
//	err = gnet.Run(sealgnet.NewEvents(e), "tcp://:4433", gnet.WithMulticore(true))
//
// The handler's methods run on the goroutine of the event loop of their connection.
// gnet cannot stop reading a connection: a handler that receives adapt.ErrFull from a peer
// that sends and takes nothing has to close it.
package sealgnet

import (
	"context"

	"github.com/panjf2000/gnet/v2"
	"github.com/sealsock/sealsock/loop/adapt"
)

// Events is the gnet.EventHandler of an Endpoint. A program that embeds it can have its own
// OnBoot, OnShutdown and OnTick.
type Events struct {
	gnet.BuiltinEventEngine
	endpoint *adapt.Endpoint
}

var _ gnet.EventHandler = (*Events)(nil)

// NewEvents returns the events of e, for gnet.Run or gnet.NewClient.
func NewEvents(e *adapt.Endpoint) *Events { return &Events{endpoint: e} }

// OnOpen begins the handshake.
func (v *Events) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	if v == nil {
		return nil, gnet.Close
	}
	sealed, err := v.endpoint.NewConn(transport{c})
	if err != nil {
		return nil, gnet.Close
	}
	c.SetContext(sealed)
	return nil, gnet.None
}

// OnTraffic decrypts what has arrived.
func (v *Events) OnTraffic(c gnet.Conn) gnet.Action {
	if b, err := c.Next(-1); err == nil && len(b) > 0 {
		of(c).Receive(b)
	}
	return gnet.None
}

// OnClose reports the end.
func (v *Events) OnClose(c gnet.Conn, err error) gnet.Action {
	of(c).Closed(err)
	return gnet.None
}

// of returns the encrypted connection over c.
func of(c gnet.Conn) *adapt.Conn {
	sealed, _ := c.Context().(*adapt.Conn)
	return sealed
}

// A transport is a connection of gnet.
type transport struct{ gnet.Conn }

func (t transport) Buffered() int { return t.OutboundBuffered() }

func (t transport) Run(f func()) {
	run := gnet.RunnableFunc(func(context.Context) error {
		f()
		return nil
	})
	// An error means that the engine has stopped, which closes all connections.
	_ = t.EventLoop().Execute(context.Background(), run)
}
