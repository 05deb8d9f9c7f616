//go:build !unix

package tunnel

import (
	"context"
	"net"
)

// HandOver is not implemented on this system: it returns an error.
func (s *Server) HandOver(context.Context, *net.UnixConn) error { return errNoRights }

// TakeOver is not implemented on this system: it returns an error.
func (s *Server) TakeOver(context.Context, *net.UnixConn) error { return errNoRights }
