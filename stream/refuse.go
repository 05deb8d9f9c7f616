package stream

import (
	"io"
	"net"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// How long, and for how many bytes, a refused peer is listened to.
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

// Refuse closes the connection below after a handshake that failed, so that the
// peer can still read the alert: a socket that is closed while bytes wait in it
// is reset, and a reset overtakes the alert. It returns once the peer has closed
// its side, or after half a second.
func (c *Conn) Refuse() {
	c.closing.Store(true)
	half, ok := c.raw.(interface{ CloseWrite() error })
	if ok && half.CloseWrite() == nil {
		c.raw.SetDeadline(time.Now().Add(lingerTime))
		io.CopyN(io.Discard, c.raw, lingerBytes)
	}
	c.raw.Close()
}

// Abort ends a connection with a fatal alert instead of close_notify, so that the
// peer does not take what it has received for the whole, and can report a reason. It
// is for an application that fails after the handshake; the alert is usually
// internal_error (RFC 9846, Section 6.2). Abort closes the connection as Refuse does.
// If another goroutine is writing, the connection is closed without the alert.
func (c *Conn) Abort(a iana.Alert) error {
	if !c.open.Load() {
		const reason = "the handshake is not done: Refuse ends it"
		return &engine.Error{Fault: engine.FaultUsage, Reason: reason}
	}
	if !c.closing.CompareAndSwap(false, true) {
		return &net.OpError{
			Op: "close", Net: c.raw.LocalAddr().Network(),
			Source: c.raw.LocalAddr(), Addr: c.raw.RemoteAddr(), Err: net.ErrClosed,
		}
	}
	var failed error
	if c.out.TryLock() {
		c.raw.SetWriteDeadline(time.Now().Add(closeTimeout))
		failed = c.out.abort(c.raw, a)
		c.out.Unlock()
	}
	c.Refuse()
	return failed
}
