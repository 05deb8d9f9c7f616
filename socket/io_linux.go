package socket

import (
	"context"
	"errors"
	"io"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	headerHasLength = false
	closeOnExecFlag = unix.MSG_CMSG_CLOEXEC
)

// closeOnExecAll has nothing to do: MSG_CMSG_CLOEXEC did it.
func closeOnExecAll(*Message) {}

func sysSocket(domain, typ, proto int) (uintptr, error) {
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
	return uintptr(fd), err
}

func callAccept(o *op, fd uintptr) syscall.Errno {
	var name, length unsafe.Pointer
	size := uint32(sockaddrSize)
	if o.wants {
		name, length = unsafe.Pointer(&o.name), unsafe.Pointer(&size)
	}
	for {
		n, _, e := unix.Syscall6(unix.SYS_ACCEPT4, fd, uintptr(name), uintptr(length), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0, 0)
		switch e {
		case syscall.ECONNABORTED: // the peer gave up while it waited in the queue
			continue
		case 0:
			o.newFD = n
			if o.wants {
				o.nameLen = int(min(size, sockaddrSize))
			}
		}
		return e
	}
}

// describe asks the kernel what a descriptor is.
func describe(fd uintptr) (domain, typ, proto int, err error) {
	if typ, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TYPE); err != nil {
		return 0, 0, 0, err
	}
	if domain, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN); err != nil {
		return 0, 0, 0, err
	}
	proto, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PROTOCOL)
	return domain, typ, proto, err
}

// mmsghdr is struct mmsghdr of sendmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// batch is what sendmmsg and recvmmsg point to. It is kept from call to call.
type batch struct {
	hdrs  []mmsghdr
	iov   []unix.Iovec
	names [][sockaddrSize]byte
}

func (b *batch) clear() {
	clear(b.hdrs)
	clear(b.iov)
}

func (b *batch) prepare(s *Socket, messages []Message, send bool) error {
	buffers := 0
	for i := range messages {
		buffers += len(messages[i].Buffers)
		if len(messages[i].Buffers) > maxBuffers {
			return syscall.EMSGSIZE
		}
	}
	b.hdrs = grow(b.hdrs, len(messages))
	b.names = grow(b.names, len(messages))
	b.iov = grow(b.iov, buffers)
	iov := b.iov
	for i := range messages {
		m, h := &messages[i], &b.hdrs[i].hdr
		setIovec(h, iov, m.Buffers)
		iov = iov[len(m.Buffers):]
		if len(m.Control) > 0 {
			h.Control = &m.Control[0]
			h.SetControllen(len(m.Control))
		}
		switch {
		case !send:
			h.Name, h.Namelen = &b.names[i][0], sockaddrSize
		case m.Addr != nil:
			n, err := s.fam().encode(m.Addr, &b.names[i])
			if err != nil {
				return err
			}
			h.Name, h.Namelen = &b.names[i][0], uint32(n)
		}
	}
	return nil
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

func callSendMMsg(o *op, fd uintptr) syscall.Errno {
	n, _, e := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&o.batch.hdrs[0])), uintptr(len(o.batch.hdrs)), uintptr(o.flags), 0, 0)
	if e == 0 {
		o.n = int(n)
	}
	return e
}

func callRecvMMsg(o *op, fd uintptr) syscall.Errno {
	n, _, e := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&o.batch.hdrs[0])), uintptr(len(o.batch.hdrs)), uintptr(o.flags), 0, 0)
	if e == 0 {
		o.n = int(n)
	}
	return e
}

func (s *Socket) sendBatch(ctx context.Context, messages []Message, flags Flags) (int, error) {
	n, err := s.runBatch(ctx, writing, callSendMMsg, messages, flags, func(m *Message, h *mmsghdr, _ []byte) {
		m.N = int(h.n)
	})
	if errors.Is(err, syscall.ENOSYS) {
		return s.sendEach(ctx, messages, flags)
	}
	return n, s.opError("write", nil, callError("sendmmsg", err))
}

func (s *Socket) recvBatch(ctx context.Context, messages []Message, flags Flags) (int, error) {
	n, err := s.runBatch(ctx, reading, callRecvMMsg, messages, flags, func(m *Message, h *mmsghdr, name []byte) {
		m.N, m.Addr = int(h.n), nil
		finish(s, m, &h.hdr, name)
	})
	if errors.Is(err, syscall.ENOSYS) {
		return s.recvEach(ctx, messages, flags)
	}
	for i := range messages[:n] {
		if s.endsAt(&messages[i]) {
			if i == 0 {
				return 0, io.EOF
			}
			return i, nil // the next call meets it again
		}
	}
	return n, s.opError("read", nil, callError("recvmmsg", err))
}

func (s *Socket) runBatch(ctx context.Context, dir direction, call func(*op, uintptr) syscall.Errno, messages []Message, flags Flags, done func(*Message, *mmsghdr, []byte)) (int, error) {
	f, err := flags.number()
	if err != nil {
		return 0, err
	}
	o := newOp(call)
	defer o.free()
	if err := o.batch.prepare(s, messages, dir == writing); err != nil {
		return 0, err
	}
	o.flags, o.once = f, flags&DontWait != 0
	if dir == reading {
		o.flags |= s.recvFlags()
	}
	if err := s.run(ctx, dir, o); err != nil {
		return 0, err
	}
	for i := range messages[:o.n] {
		done(&messages[i], &o.batch.hdrs[i], o.batch.names[i][:])
	}
	return o.n, nil
}
