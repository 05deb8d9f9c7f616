package datagram

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// TestCloseUnread: a peer that does not read, which stops who sends to it on sockets other than
// UDP, does not keep Close, nor then a Write, from its end.
func TestCloseUnread(t *testing.T) {
	raw, other := net.Pipe()
	defer other.Close()
	c := newConn(&socketPath{Conn: raw}, new(atomic.Int64))
	c.engine, _ = enginesOf(t, iana.TLS13)
	c.in.opened()
	ended := make(chan error, 2)
	go func() {
		_, err := c.write([]byte("message"))
		ended <- err
	}()
	go func() { ended <- c.Close() }()
	for range 2 {
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatal("the peer does not read, and the connection does not end")
		}
	}
}

// TestWriteDeadline: on a socket other than one of UDP, the deadline ends a Write that waits for
// the peer already, and not what the engine sends afterwards.
func TestWriteDeadline(t *testing.T) {
	for _, batch := range []bool{false, true} {
		raw, other := net.Pipe()
		c := newConn(&socketPath{Conn: raw}, new(atomic.Int64))
		c.engine, _ = enginesOf(t, iana.TLS13)
		c.in.opened()
		ended := make(chan error, 1)
		go func() {
			var err error
			if batch {
				_, err = c.WriteBatch([][]byte{[]byte("message")})
			} else {
				_, err = c.write([]byte("message"))
			}
			ended <- err
		}()
		for waits := false; !waits; { // for the peer to read
			c.in.mu.Lock()
			waits = c.path.(*socketPath).writers == 1
			c.in.mu.Unlock()
			runtime.Gosched()
		}
		if err := c.SetWriteDeadline(time.Now().Add(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("Write: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the deadline does not end a Write")
		}
		go other.Read(make([]byte, 1))
		if err := c.path.send([]byte("x")); err != nil {
			t.Errorf("behind the deadline: %v", err)
		}
		other.Close()
	}
}
