//go:build !unix

package stream

import "net"

func newSource(raw net.Conn) source { return &plainSource{conn: raw} }
