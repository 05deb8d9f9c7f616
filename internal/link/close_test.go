package link

import (
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// A deafConn reads nothing of what is written to it, once it is deaf.
type deafConn struct {
	net.Conn
	deaf   *atomic.Bool
	waits  chan<- struct{} // told of a Write, once it is deaf
	over   <-chan struct{} // of the test
	closed chan struct{}
}

func (c *deafConn) Write(p []byte) (int, error) {
	if c.deaf.Load() {
		select {
		case c.waits <- struct{}{}:
		default:
		}
		select {
		case <-c.closed:
		case <-c.over:
		}
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

func (c *deafConn) Close() error {
	err := c.Conn.Close()
	if err == nil {
		select {
		case <-c.closed:
		default:
			close(c.closed)
		}
	}
	return err
}

// TestCloseWithoutRelay: a relay that sends and reads nothing does not keep a Hub from its end.
func TestCloseWithoutRelay(t *testing.T) {
	f := newFakeRelay(t)
	var deaf atomic.Bool
	waits, over := make(chan struct{}, 1), make(chan struct{})
	f.Wrap = func(c net.Conn) net.Conn {
		return &deafConn{Conn: c, deaf: &deaf, waits: waits, over: over, closed: make(chan struct{})}
	}
	a, b := f.pair(t, Options{})
	quiet(t, a, b)
	deaf.Store(true)
	if _, err := a.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	<-waits
	a.mu.Lock()
	a.owed = true
	a.mu.Unlock()
	closed := make(chan struct{})
	go func() {
		a.hub.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		close(over)
		t.Fatal("Close hangs")
	}
}
