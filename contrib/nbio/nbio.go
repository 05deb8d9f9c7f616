// Package sealnbio serves encrypted connections with the event loop of nbio.
//
//	engine := nbio.NewEngine(nbio.Config{Network: "tcp", Addrs: []string{":4433"}})
//	e, err := adapt.NewServer(cfg, handler)
//	sealnbio.Attach(engine, e)
//	err = engine.Start()
//
// The handler's methods run on a goroutine of nbio, for each connection one at a time.
package sealnbio

import (
	"sync/atomic"

	"github.com/lesismal/nbio"
	"github.com/sealsock/sealsock/loop/adapt"
)

// Attach has the connections of engine encrypted by e. It must be called before Start, and
// it takes OnOpen, OnData, OnClose, OnWrittenSize and the session of a connection.
// EPOLLONESHOT and AsyncReadInPoller may be set.
func Attach(engine *nbio.Engine, e *adapt.Endpoint) {
	engine.OnOpen(func(c *nbio.Conn) {
		keepFromPrograms(c)
		t := &transport{Conn: c}
		// nbio gives a connection to another goroutine through the kernel. The lock tells the
		// race detector so.
		c.Lock()
		c.SetSession(t)
		c.Unlock()
		t.Wait(func() {
			var err error
			if t.sealed, err = e.NewConn(t); err != nil {
				_ = c.CloseWithError(err)
			}
		})
	})
	engine.OnData(func(c *nbio.Conn, data []byte) {
		if t := of(c); t != nil {
			t.Wait(func() { t.sealed.Receive(data) })
		}
	})
	engine.OnWrittenSize(func(c *nbio.Conn, _ []byte, n int) {
		if t := locked(c); t != nil {
			t.waiting.Add(-int64(n))
		}
	})
	engine.OnClose(func(c *nbio.Conn, err error) {
		if t := of(c); t != nil {
			t.Run(func() { t.sealed.Closed(err) })
		}
	})
}

// of returns the transport over c, or nil for a connection from before Attach.
func of(c *nbio.Conn) *transport {
	c.Lock()
	defer c.Unlock()
	return locked(c)
}

// locked is of where nbio has locked c.
func locked(c *nbio.Conn) *transport {
	t, _ := c.Session().(*transport)
	return t
}

// A transport is a connection of nbio.
type transport struct {
	adapt.Turns
	*nbio.Conn
	sealed  *adapt.Conn
	waiting atomic.Int64 // bytes that nbio has and the socket has not
}

func (t *transport) Write(b []byte) (int, error) {
	t.waiting.Add(int64(len(b)))
	return t.Conn.Write(b)
}

func (t *transport) Buffered() int { return int(t.waiting.Load()) }
