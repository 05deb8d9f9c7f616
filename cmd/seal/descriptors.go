package main

import (
	"errors"
	"net"
	"sync"
)

// What --exec needs of the descriptors that this process may have. While a program
// is started, its connection holds eight: itself, both ends of two pipes, and three
// of the start. The others are for seal itself.
const (
	descriptorsPerProgram = 8
	reservedDescriptors   = 24
)

// programsAtOnce is how many programs of --exec may run beside each other without
// running out of descriptors, at least one.
func programsAtOnce() int {
	return max(1, (maxDescriptors()-reservedDescriptors)/descriptorsPerProgram)
}

// maxPrograms is so many that other bounds are reached first.
const maxPrograms = 4096

// A limitedListener has at most a number of connections that are open. More clients
// wait in the system's queue: connections that were accepted and wait would keep the
// descriptors that programs need.
type limitedListener struct {
	net.Listener
	slots chan struct{} // one for each open connection
	done  chan struct{}
	once  sync.Once
}

func newLimitedListener(inner net.Listener, most int) *limitedListener {
	return &limitedListener{Listener: inner, slots: make(chan struct{}, most), done: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitedConn{Conn: conn, release: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close implements net.Listener.
func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// A limitedConn is a connection of a limitedListener.
type limitedConn struct {
	net.Conn
	release func()
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// CloseWrite closes the sending direction, if the connection can.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
