//go:build unix

package sealnbio

import (
	"syscall"

	"github.com/lesismal/nbio"
)

// keepFromPrograms keeps the descriptor of c from programs that this one starts. nbio
// would otherwise see events for it after it was closed, and take them for another
// connection's.
func keepFromPrograms(c *nbio.Conn) {
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { syscall.CloseOnExec(int(fd)) })
	}
}
