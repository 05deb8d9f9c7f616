package link

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/sealsock/sealsock/internal/alarm"
	"github.com/sealsock/sealsock/relay"
)

// Window is how many bytes of a stream are on their way at most, without another number in
// [Options]: sent and not acknowledged, or received and not read.
const Window = 256 << 10

var (
	// ErrGone is the error of a Conn whose other member was absent for too long.
	ErrGone = errors.New("the other member was absent for too long")
	// ErrReset is the error of a Conn that the other member ended, with data on its way.
	ErrReset = errors.New("the other member ended the connection")
)

// A Conn is a stream to another member. It implements net.Conn.
type Conn struct {
	hub    *Hub
	peer   relay.MemberID
	window uint64
	wake   chan struct{} // for the pump
	over   chan struct{} // closed when the pump has to end

	mu      sync.Mutex
	changed sync.Cond
	err     error // final
	closed  bool  // by Close
	read    deadline
	write   deadline
	up      bool         // the other member can be reached
	away    *alarm.Alarm // ends the Conn of an absent member
	resumed time.Time    // when everything was sent again because the member has joined

	sealing    sync.Mutex // held until what was sealed is sent, so that the order is kept
	seal, open *sealer
	sender
	receiver
}

// A sender is the sending half. Its data starts at the number acked.
type sender struct {
	out     ring
	acked   uint64
	next    uint64 // the first byte that was not sent, or is to be sent again
	highest uint64 // the end of all that was sent
	allowed uint64 // the other side's limit
	flight  uint64 // bytes that may be on their way; fewer after a loss
	fin     bool   // the end follows the data in out
	timer   resender

	finAcked bool
	lingered time.Time // when a closed Conn ends without the other member's end
}

// A receiver is the receiving half.
type receiver struct {
	in       ring
	received uint64
	ended    bool // the end was received
	told     uint64
	owed     bool      // an acknowledgement, now
	owedAt   time.Time // an acknowledgement, then; zero for none
	untold   int       // bytes that were received and not acknowledged
	missing  bool
	arrivals
}

func newConn(h *Hub, peer relay.MemberID) *Conn {
	c := &Conn{
		hub: h, peer: peer,
		wake: make(chan struct{}, 1), over: make(chan struct{}),
		seal: newSealer(h.opts.Key, h.id, peer), open: newSealer(h.opts.Key, peer, h.id),
	}
	c.window = uint64(h.opts.Window)
	c.allowed, c.flight = c.window, c.window
	c.changed.L = &c.mu
	c.read.conn, c.write.conn = c, c
	return c
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, c.failure("read", net.ErrClosed)
		case c.read.passed():
			return 0, c.failure("read", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return 0, nil
		case c.in.len() > 0:
			n := min(len(p), c.in.len())
			c.in.copy(p[:n], 0)
			c.in.drop(n)
			if c.limit() >= c.told+c.window/2 {
				c.owed = true
				c.poke()
			}
			return n, nil
		case c.ended:
			return 0, io.EOF
		case c.err != nil:
			return 0, c.failure("read", c.err)
		}
		c.changed.Wait()
	}
}

// limit is the number up to which the other side may send. The caller holds the lock.
func (c *Conn) limit() uint64 { return c.received - uint64(c.in.len()) + c.window }

// Write implements net.Conn. It returns when all of p is on its way, within the window.
func (c *Conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := 0; ; {
		switch {
		case c.closed || c.fin:
			return n, c.failure("write", net.ErrClosed)
		case c.err != nil:
			return n, c.failure("write", c.err)
		case c.write.passed():
			return n, c.failure("write", os.ErrDeadlineExceeded)
		case n == len(p):
			return n, nil
		}
		if free := int(c.window) - c.out.len(); free > 0 {
			part := p[n:min(n+free, len(p))]
			c.out.append(part, int(c.window))
			n += len(part)
			c.poke()
			if n == len(p) {
				return n, nil
			}
			continue
		}
		c.changed.Wait()
	}
}

// CloseWrite ends the stream to the other member, which reads io.EOF after all data.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed || c.fin:
		return c.failure("close", net.ErrClosed)
	case c.err != nil:
		return c.failure("close", c.err)
	}
	c.fin = true
	c.poke()
	return nil
}

// Close implements net.Conn. What was written is still sent, by the Hub.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.failure("close", net.ErrClosed)
	}
	c.closed, c.fin = true, true
	c.in = ring{}
	c.read.stop()
	c.write.stop()
	c.changed.Broadcast()
	c.poke()
	return nil
}

// Flush waits until the other member has acknowledged all that was written, until the Conn
// fails, or until stop is closed.
func (c *Conn) Flush(stop <-chan struct{}) error {
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-stop:
			c.mu.Lock()
			c.changed.Broadcast()
			c.mu.Unlock()
		case <-done:
		}
	}()
	c.mu.Lock()
	defer c.mu.Unlock()
	for end := c.acked + uint64(c.out.len()); c.acked < end; {
		select {
		case <-stop:
			return c.failure("flush", os.ErrDeadlineExceeded)
		default:
		}
		if c.err != nil {
			return c.failure("flush", c.err)
		}
		c.changed.Wait()
	}
	return nil
}

// Unacknowledged returns how many bytes were written and not acknowledged by the other member.
func (c *Conn) Unacknowledged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.len()
}

// drained reports whether all was acknowledged. The caller holds the lock.
func (c *Conn) drained() bool { return c.acked == c.end() }

// end is the number behind the last byte of the stream, or behind its end. The caller holds
// the lock.
func (c *Conn) end() uint64 {
	end := c.acked + uint64(c.out.len())
	if c.fin && !c.finAcked {
		end++
	}
	return end
}

// fail ends the Conn. Data that was received can still be read.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failLocked(err)
}

func (c *Conn) failLocked(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	if c.away != nil {
		c.away.Stop()
	}
	close(c.over)
	c.changed.Broadcast()
}

func (c *Conn) failure(op string, err error) error {
	return &net.OpError{Op: op, Net: "relay", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// poke makes the pump look for work. It does not wait.
func (c *Conn) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Peer returns the identifier of the other member.
func (c *Conn) Peer() relay.MemberID { return c.peer }

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return addr(c.hub.id) }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return addr(c.peer) }

// An addr is the address of a member.
type addr relay.MemberID

// Network implements net.Addr.
func (addr) Network() string { return "relay" }

// String implements net.Addr.
func (a addr) String() string { return fmt.Sprintf("member %v", relay.MemberID(a)) }
