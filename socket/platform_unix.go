//go:build linux || darwin || freebsd

package socket

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// platform is a descriptor on the runtime's poller. An os.File provides the
// poller, the deadlines, and the lock by which Close waits for no call and no
// call uses a descriptor number that Close has released.
type platform struct {
	file *os.File
	conn syscall.RawConn
}

func (p *platform) open(fd uintptr, name string) error {
	if err := unix.SetNonblock(int(fd), true); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	// NewFile registers a non-blocking descriptor with the poller.
	p.file = os.NewFile(fd, name)
	var err error
	p.conn, err = p.file.SyscallConn()
	return err
}

func (p *platform) close() error { return p.file.Close() }

func (p *platform) raw() syscall.RawConn { return p.conn }

func (p *platform) wait(dir direction, o *op) error {
	if dir == reading {
		return p.conn.Read(o.attempt)
	}
	return p.conn.Write(o.attempt)
}

func (p *platform) control(f func(fd uintptr)) error { return p.conn.Control(f) }

func (p *platform) setReadDeadline(t time.Time) error  { return p.file.SetReadDeadline(t) }
func (p *platform) setWriteDeadline(t time.Time) error { return p.file.SetWriteDeadline(t) }

// errWouldBlock means that a call cannot complete without waiting.
const errWouldBlock = syscall.EAGAIN

// isUnsupported reports whether the error of socket(2) means that the system has
// no such socket.
func isUnsupported(e syscall.Errno) bool {
	switch e {
	case syscall.EAFNOSUPPORT, syscall.EPROTONOSUPPORT, syscall.ESOCKTNOSUPPORT, syscall.ENOPROTOOPT:
		return true
	}
	return false
}

func sysSocketPair(domain, typ, proto int) (pair [2]uintptr, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := unix.Socketpair(domain, typ, proto)
	if err != nil {
		return pair, err
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	return [2]uintptr{uintptr(fds[0]), uintptr(fds[1])}, nil
}

func sysClose(fd uintptr) error               { return unix.Close(int(fd)) }
func sysListen(fd uintptr, backlog int) error { return unix.Listen(int(fd), backlog) }
func sysShutdown(fd uintptr, how int) error   { return unix.Shutdown(int(fd), how) }
func sysDup(fd uintptr) (uintptr, error)      { return fcntl(fd, unix.F_DUPFD_CLOEXEC, 3) }
func sysInheritable(fd uintptr) (on bool, e error) {
	f, e := fcntl(fd, unix.F_GETFD, 0)
	return f&unix.FD_CLOEXEC == 0, e
}

func sysSetInheritable(fd uintptr, on bool) error {
	flags, err := fcntl(fd, unix.F_GETFD, 0)
	if err != nil {
		return err
	}
	if flags |= unix.FD_CLOEXEC; on {
		flags &^= unix.FD_CLOEXEC
	}
	_, err = fcntl(fd, unix.F_SETFD, int(flags))
	return err
}

func fcntl(fd uintptr, cmd, arg int) (uintptr, error) {
	n, err := unix.FcntlInt(fd, cmd, arg)
	if err != nil {
		return 0, err
	}
	return uintptr(n), nil
}
