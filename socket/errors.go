package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
)

// ErrWouldBlock is what the calls of a [NonBlocking] view return, inside a
// *[net.OpError], when there is nothing to do now.
var ErrWouldBlock error = errWouldBlock

// ErrControlTruncated means that ancillary data did not fit the space that was
// given for it, and that the rest is lost. Descriptors that had arrived were
// closed.
var ErrControlTruncated = errors.New("ancillary data was truncated: provide more space")

var errNotMade = fmt.Errorf("this socket is nil or a zero value: use New or FromFD: %w",
	os.ErrInvalid)

// An UnsupportedError means that this system has no such socket. It matches
// errors.ErrUnsupported.
type UnsupportedError struct {
	Family   string // "vsock"
	Type     Type
	Protocol int
	Module   string        // the Linux modules that may bring it; may be empty
	Errno    syscall.Errno // what the kernel answered; 0 if it was not asked
}

func (e *UnsupportedError) Error() string {
	if e == nil {
		return "<nil>"
	}
	if e.Errno == 0 {
		return fmt.Sprintf("%s sockets are not implemented on %s", e.Family, runtime.GOOS)
	}
	what := fmt.Sprintf("this %[4]s kernel does not support %[1]s sockets of type %[2]s and protocol %[3]d: %[5]v", e.Family, e.Type, e.Protocol, runtime.GOOS, e.Errno)
	if e.Module != "" && runtime.GOOS == "linux" {
		what += "; as root, load them with modprobe -a " + e.Module
	}
	return what
}

// Unwrap returns the kernel's error and errors.ErrUnsupported.
func (e *UnsupportedError) Unwrap() []error {
	if e == nil {
		return nil
	}
	if e.Errno == 0 {
		return []error{errors.ErrUnsupported}
	}
	return []error{e.Errno, errors.ErrUnsupported}
}

// NotImplemented returns the error for a family that the system does not have,
// as a *[net.OpError] for the operation.
func NotImplemented(op, family string) error {
	return &net.OpError{Op: op, Net: family, Err: &UnsupportedError{Family: family}}
}

// openError is the error for a failed socket(2) or socketpair(2).
func openError(f *Family, typ Type, proto int, call string, err error) error {
	if errno, ok := err.(syscall.Errno); ok && isUnsupported(errno) {
		err = &UnsupportedError{Family: f.Name, Type: typ, Protocol: proto, Module: f.Module, Errno: errno}
	} else {
		err = os.NewSyscallError(call, err)
	}
	return &net.OpError{Op: "socket", Net: f.Name, Err: err}
}

// callError names the system call that failed. Errors of contexts, deadlines
// and closed sockets belong to no call.
func callError(call string, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		return os.NewSyscallError(call, errno)
	}
	return err
}

// opError wraps an error of this socket; op is net's word for it: dial, listen,
// accept, read, write, set, close.
func (s *Socket) opError(op string, addr net.Addr, err error) error {
	if err == nil {
		return nil
	}
	e := &net.OpError{Op: op, Net: s.fam().Name, Err: err}
	e.Source, e.Addr = s.knownNames()
	if addr != nil {
		e.Addr = addr
	} else if e.Addr == nil {
		e.Source, e.Addr = nil, e.Source
	}
	return e
}

// cause returns the reason of a done context in the form that net's callers
// test for: a context's own error.
func cause(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil && !errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return ctx.Err()
}

func errnoOf(err error) (syscall.Errno, bool) {
	var errno syscall.Errno
	ok := errors.As(err, &errno)
	return errno, ok
}
