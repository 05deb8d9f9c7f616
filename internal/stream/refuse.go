package stream

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// How long, and for how many bytes, the connection of a refused peer is read, and
// how many of them at once.
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
	lingerPeers = 256
)

// lingering holds a value for each connection that is read before it is closed.
var lingering = make(chan struct{}, lingerPeers)

// GiveUp ends a handshake that could be continued, with the alert of cause: see
// engine.Receiver.Abort. After any other failure it does what Close does. It does not wait
// for the peer.
func (c *Conn) GiveUp(cause error) {
	if !c.Made() {
		return
	}
	failed := c.brokenBy() != nil
	if !failed && !c.open.Load() && c.in.TryLock() {
		if c.out.TryLock() {
			c.giveUp(cause)
			c.out.Unlock()
		}
		c.in.Unlock()
	}
	c.closing.Store(true)
	if failed {
		go c.refuse() // the number of those that linger is bounded
		return
	}
	c.raw.Close() // nothing that the peer has sent waits to be read
}

// giveUp sends the alert of cause. Both halves are held.
func (c *Conn) giveUp(cause error) {
	c.fatal(cause)
	c.out.mail.put(c.in.abort(cause))
	if len(c.out.unsent) == 0 { // else the peer does not read
		c.lastWords()
	}
}

// refuse closes the connection below after a failure, so that the peer can still read
// the alert: a socket that is closed while bytes wait in it is reset, and a reset
// overtakes the alert. It returns once the peer has closed its side, or after half a
// second.
func (c *Conn) refuse() {
	c.closing.Store(true)
	c.linger()
	c.raw.Close()
}

// linger shuts down the sending direction and reads what the peer has sent, until
// the peer closes its side, for a bounded time and amount. It does nothing while too
// many others do it, or for a connection that cannot be reset.
func (c *Conn) linger() {
	select {
	case lingering <- struct{}{}:
		defer func() { <-lingering }()
	default:
		return
	}
	half, ok := c.raw.(interface{ CloseWrite() error })
	_, tcp := c.raw.RemoteAddr().(*net.TCPAddr) // it may be wrapped in a type without
	if ok && half.CloseWrite() == nil || !ok && tcp {
		c.raw.SetDeadline(time.Now().Add(lingerTime))
		io.CopyN(io.Discard, c.raw, lingerBytes)
	}
}

// Abort ends a connection with the fatal alert a and closes the connection below. A write of
// another goroutine ends early and sends the alert behind what it has sent.
func (c *Conn) Abort(a iana.Alert) error {
	if !c.Made() {
		return ErrNotMade
	}
	if !c.open.Load() {
		const reason = "the handshake is not complete: use GiveUp"
		return &engine.Error{Fault: engine.FaultUsage, Reason: reason}
	}
	if !c.closing.CompareAndSwap(false, true) {
		return c.closedError("close")
	}
	failed := c.sendAbort(a)
	c.refuse()
	return failed
}

// sendAbort sends what is waiting and then the alert a. A write under way sends the alert
// between two of its batches.
func (c *Conn) sendAbort(a iana.Alert) error {
	until := c.closeDeadline()
	c.raw.SetWriteDeadline(until)
	if c.out.TryLock() {
		defer c.out.Unlock()
		defer c.drain(until)
		return c.out.abort(c.in.source, a)
	}
	c.out.mail.put(engine.EndWith(&engine.Error{Fault: engine.FaultLocal, Alert: a}))
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := c.out.LockContext(ctx); err != nil {
		return err
	}
	defer c.out.Unlock()
	defer c.drain(until)
	return c.out.flush(c.in.source) // the write has ended without it
}
