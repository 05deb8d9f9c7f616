package sealsock

import (
	"context"
	"os"

	"github.com/sealsock/sealsock/internal/stream"
)

// SendFile encrypts and sends count bytes of a file, from offset on; a negative count sends all
// there is. It runs the handshake first if that is not done. The offset of a file that cannot be
// seeked, such as a pipe, must be 0. The position of a file that can is not used and not changed.
//
// With Config.KernelTLS the kernel reads and encrypts a regular file itself, if it can; otherwise
// SendFile does what Write does. It returns the bytes sent, also when it fails: fewer than count
// without an error if the file ends earlier. If the write deadline passes, continue behind
// these bytes, as after Write. SendFile is for streams.
func (c *Conn) SendFile(f *os.File, offset, count int64) (int64, error) {
	switch {
	case c != nil && c.packets != nil:
		return 0, errPackets
	case c == nil || !c.stream.Made():
		return 0, stream.ErrNotMade
	}
	if err := c.awaitOpen(context.Background()); err != nil {
		return 0, err
	}
	return c.stream.SendFile(f, offset, count)
}

// KernelTLS reports whether the kernel encrypts what this side sends: see Config.KernelTLS. If it
// does not, why is the reason.
func (c *Conn) KernelTLS() (on bool, why error) {
	switch {
	case c != nil && c.packets != nil:
		return false, errPackets
	case c == nil || !c.stream.Made():
		return false, stream.ErrNotMade
	}
	return c.stream.KernelTLS()
}
