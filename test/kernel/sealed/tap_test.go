//go:build linux

package sealed

import (
	"bytes"
	"net"

	"github.com/sealsock/sealsock/socket/unix"
)

var unixFamily = unix.Family

// tap keeps a copy of what is written.
type tap struct {
	net.Conn
	written bytes.Buffer
}

func (c *tap) Write(p []byte) (int, error) {
	c.written.Write(p)
	return c.Conn.Write(p)
}
