//go:build linux || darwin || freebsd

package socket

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls are made with addresses as bytes. Package unix would need to know
// every family's address, and would allocate one for each message.

// sysop is the part of an op that sendmsg, recvmsg, accept and connect use.
type sysop struct {
	msg       unix.Msghdr
	iov       [8]unix.Iovec
	more      []unix.Iovec // instead of iov for many buffers
	newFD     uintptr
	started   bool // connect has begun
	queueFull bool // connect found no room and has not begun
	batch     batch
}

func (o *sysop) clear() {
	o.msg = unix.Msghdr{}
	clear(o.iov[:])
	clear(o.more)
	o.newFD, o.started, o.queueFull = 0, false, false
	o.batch.clear()
}

func (o *op) accepted() uintptr { return o.newFD }

// zero is what an empty buffer points to: some kernels require an address.
var zero byte

func first(p []byte) unsafe.Pointer {
	if len(p) == 0 {
		return unsafe.Pointer(&zero)
	}
	return unsafe.Pointer(&p[0])
}

// callSend adds no MSG_NOSIGNAL: the Go runtime keeps SIGPIPE away from sockets,
// and some families refuse flags that they do not know.
func callSend(o *op, fd uintptr) syscall.Errno {
	var name unsafe.Pointer
	if o.nameLen > 0 {
		name = unsafe.Pointer(&o.name)
	}
	n, _, e := unix.Syscall6(unix.SYS_SENDTO, fd, uintptr(first(o.buf)), uintptr(len(o.buf)), uintptr(o.flags), uintptr(name), uintptr(o.nameLen))
	if e == 0 {
		o.n = int(n)
	}
	return e
}

func callRecv(o *op, fd uintptr) syscall.Errno {
	var name, length unsafe.Pointer
	size := uint32(sockaddrSize)
	if o.wants {
		name, length = unsafe.Pointer(&o.name), unsafe.Pointer(&size)
	}
	n, _, e := unix.Syscall6(unix.SYS_RECVFROM, fd, uintptr(first(o.buf)), uintptr(len(o.buf)), uintptr(o.flags), uintptr(name), uintptr(length))
	if e == 0 {
		o.n = int(n)
		if o.wants {
			o.nameLen = int(min(size, sockaddrSize))
		}
	}
	return e
}

func callSendMsg(o *op, fd uintptr) syscall.Errno {
	n, _, e := unix.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&o.msg)), uintptr(o.flags))
	if e == 0 {
		o.n = int(n)
	}
	return e
}

func callRecvMsg(o *op, fd uintptr) syscall.Errno {
	o.msg.Namelen = sockaddrSize
	n, _, e := unix.Syscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&o.msg)), uintptr(o.flags))
	if e == 0 {
		o.n = int(n)
	}
	return e
}

// prepareSend fills the msghdr. The op is on the heap, so what it points to
// does not move.
func (o *op) prepareSend(s *Socket, m *Message) error {
	if err := o.setBuffers(m.Buffers); err != nil {
		return err
	}
	if len(m.Control) > 0 {
		o.msg.Control = &m.Control[0]
		o.msg.SetControllen(len(m.Control))
	}
	if m.Addr != nil {
		n, err := s.fam().encode(m.Addr, &o.name)
		if err != nil {
			return err
		}
		o.msg.Name, o.msg.Namelen = &o.name[0], uint32(n)
	}
	return nil
}

func (o *op) prepareRecv(m *Message) error {
	if err := o.setBuffers(m.Buffers); err != nil {
		return err
	}
	if len(m.Control) > 0 {
		o.msg.Control = &m.Control[0]
		o.msg.SetControllen(len(m.Control))
	}
	o.msg.Name = &o.name[0]
	return nil
}

func (o *op) finishRecv(s *Socket, m *Message) {
	m.N = o.n
	finish(s, m, &o.msg, o.name[:])
}

func finish(s *Socket, m *Message, h *unix.Msghdr, name []byte) {
	m.ControlN = min(int(h.Controllen), len(m.Control))
	m.Flags = flagsOf(int(h.Flags))
	if from := s.fam().decode(name[:min(int(h.Namelen), len(name))]); from != nil {
		m.Addr = from
	}
	closeOnExecAll(m)
}

func (o *op) setBuffers(buffers [][]byte) error {
	if len(buffers) > maxBuffers {
		return fmt.Errorf("%d buffers, more than %d: %w", len(buffers), maxBuffers, syscall.EMSGSIZE)
	}
	iov := o.iov[:]
	if len(buffers) > len(iov) {
		if cap(o.more) < len(buffers) {
			o.more = make([]unix.Iovec, len(buffers))
		}
		o.more = o.more[:len(buffers)]
		iov = o.more
	}
	setIovec(&o.msg, iov, buffers)
	return nil
}

func setIovec(h *unix.Msghdr, iov []unix.Iovec, buffers [][]byte) {
	if len(buffers) == 0 {
		return
	}
	for i, b := range buffers {
		iov[i].Base = (*byte)(first(b))
		iov[i].SetLen(len(b))
	}
	h.Iov = &iov[0]
	h.SetIovlen(len(buffers))
}

// callConnect starts to connect and then asks for the result.
func callConnect(o *op, fd uintptr) syscall.Errno {
	if o.started {
		return connected(fd)
	}
	_, _, e := unix.Syscall(unix.SYS_CONNECT, fd, uintptr(unsafe.Pointer(&o.name)), uintptr(o.nameLen))
	switch e {
	case syscall.EINPROGRESS, syscall.EALREADY, syscall.EINTR:
		o.started = true
		return syscall.EAGAIN
	case syscall.EAGAIN:
		o.queueFull = true
		return 0
	case syscall.EISCONN:
		if o.once {
			return 0 // a later look at a connect that does not wait
		}
	}
	return e
}

// connected returns the result of a connect that was started: EAGAIN while it is in
// progress. A socket that was just registered may be reported ready before it is,
// so readiness alone is not enough.
func connected(fd uintptr) syscall.Errno {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	if n, err := unix.Poll(poll, 0); n == 0 || err != nil {
		return syscall.EAGAIN
	}
	v, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return err.(syscall.Errno)
	}
	switch e := syscall.Errno(v); e {
	case 0, syscall.EISCONN:
	case syscall.EINPROGRESS, syscall.EALREADY, syscall.EINTR:
		return syscall.EAGAIN
	default:
		return e
	}
	var raw [sockaddrSize]byte
	if _, err := sysName(fd, &raw, true); err == syscall.ENOTCONN {
		if poll[0].Revents&unix.POLLHUP != 0 {
			return syscall.ENOTCONN
		}
		return syscall.EAGAIN
	}
	return 0
}

func sysBind(fd uintptr, raw []byte) error {
	return failed(unix.Syscall(unix.SYS_BIND, fd, uintptr(first(raw)), uintptr(len(raw))))
}

// sysName reads the address of the socket, or of its peer.
func sysName(fd uintptr, raw *[sockaddrSize]byte, peer bool) (int, error) {
	call := uintptr(unix.SYS_GETSOCKNAME)
	if peer {
		call = unix.SYS_GETPEERNAME
	}
	size := uint32(sockaddrSize)
	if err := failed(unix.Syscall(call, fd, uintptr(unsafe.Pointer(raw)), uintptr(unsafe.Pointer(&size)))); err != nil {
		return 0, err
	}
	return int(min(size, sockaddrSize)), nil
}

func sysSetOption(fd uintptr, level, name int, value unsafe.Pointer, size int) error {
	_, _, e := unix.Syscall6(unix.SYS_SETSOCKOPT, fd, uintptr(level), uintptr(name), uintptr(value), uintptr(size), 0)
	if e != 0 {
		return e
	}
	return nil
}

func sysGetOption(fd uintptr, level, name int, value []byte) (int, error) {
	size := uint32(len(value))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, uintptr(level), uintptr(name), uintptr(first(value)), uintptr(unsafe.Pointer(&size)), 0)
	if e != 0 {
		return 0, e
	}
	return min(int(size), len(value)), nil
}

func failed(_, _ uintptr, e syscall.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}
