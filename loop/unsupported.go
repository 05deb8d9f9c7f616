//go:build !linux && !darwin && !freebsd

package loop

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"syscall"
)

// This system has neither epoll nor kqueue: New returns an error, so nothing below it
// is called.

var errAgain = errors.ErrUnsupported

type poller struct{}

type ready struct {
	fd                         int32
	readable, writable, hungUp bool
}

func newPoller() (*poller, error) {
	return nil, fmt.Errorf("loop: %w on %s", errors.ErrUnsupported, runtime.GOOS)
}

func (*poller) add(int) error               { return errors.ErrUnsupported }
func (*poller) wait(int, func(ready)) error { return errors.ErrUnsupported }
func (*poller) wake()                       {}
func (*poller) close()                      {}

func sysRead(int32, []byte) (int, error)      { return 0, errors.ErrUnsupported }
func sysWrite(int32, []byte) (int, error)     { return 0, errors.ErrUnsupported }
func sysClose(int32)                          {}
func sysEndWriting(int32)                     {}
func sysPeer(int32) net.Addr                  { return nil }
func ownDescriptor(syscall.Conn) (int, error) { return -1, errors.ErrUnsupported }
