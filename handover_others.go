//go:build !linux

package sealsock

import (
	"net"
	"syscall"
)

// bindingOf returns the addresses of the socket, which has no number here.
func bindingOf(_ syscall.RawConn, raw net.Conn) ([]byte, error) { return addressBinding(raw), nil }
