package main

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
)

// What --exec needs of the descriptors that this process may have. While a program
// is started, its connection holds eight: itself, both ends of two pipes, and three
// of the start. The others are for seal itself.
const (
	perProgram  = 8
	ownReserved = 24
)

// programsAtOnce is how many programs of --exec may run beside each other without
// running out of descriptors, at least one.
func programsAtOnce() int { return max(1, (mostDescriptors()-ownReserved)/perProgram) }

// openNarrow opens a listener that takes no more connections than it can start
// programs for: those that were accepted and wait would keep the descriptors that
// the programs need.
func openNarrow(ctx context.Context, addr string, cfg *sealsock.Config) (door, error) {
	a, err := address.Parse(addr)
	if err != nil {
		return nil, err
	}
	inner, err := a.Listen(ctx)
	if err != nil {
		return nil, err
	}
	if most := programsAtOnce(); most < manyPrograms {
		inner = newNarrow(inner, most)
	}
	l, err := sealsock.NewListener(inner, cfg)
	if err != nil {
		inner.Close()
		return nil, err
	}
	return frontDoor{l}, nil
}

// manyPrograms is so many that other bounds are reached first.
const manyPrograms = 4096

// A narrow listener has at most a number of connections that are open. More clients
// wait in the system's queue.
type narrow struct {
	net.Listener
	places chan struct{} // one for each open connection
	done   chan struct{}
	once   sync.Once
}

func newNarrow(inner net.Listener, most int) *narrow {
	return &narrow{Listener: inner, places: make(chan struct{}, most), done: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *narrow) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placed{Conn: conn, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// Close implements net.Listener.
func (l *narrow) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// placed is a connection of a narrow listener.
type placed struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *placed) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// CloseWrite closes the sending direction, if the connection can.
func (c *placed) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
