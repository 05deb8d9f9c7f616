//go:build !unix

package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"

	"github.com/sealsock/sealsock"
)

var errNoRights = fmt.Errorf("tunnel: connections cannot move between processes: "+
	"not implemented on %s: %w", runtime.GOOS, errors.ErrUnsupported)

// Send is not implemented on this system: it returns an error.
func Send(context.Context, *net.UnixConn, *sealsock.Conn, []byte) error { return errNoRights }

// Receive is not implemented on this system: it returns an error.
func Receive(context.Context, *net.UnixConn) (*sealsock.TakenOver, error) {
	return nil, errNoRights
}
