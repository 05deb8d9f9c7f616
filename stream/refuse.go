package stream

import (
	"io"
	"time"
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
