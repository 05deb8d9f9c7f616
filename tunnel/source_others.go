//go:build !unix

package tunnel

import "net"

// newPolled returns nil: this system has no sockets that can be read when they are readable.
func newPolled(net.Conn, func([]byte) error) source { return nil }
