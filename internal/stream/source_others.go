//go:build !unix

package stream

import "net"

func newSource(c *Conn, raw net.Conn) source { return &plainSource{conn: c, raw: raw} }
