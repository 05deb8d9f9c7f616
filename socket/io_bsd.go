//go:build darwin || freebsd

package socket

import (
	"context"
	"syscall"

	"golang.org/x/sys/unix"
)

const headerHasLength = true

// batch is empty: there is no system call for many messages.
type batch struct{}

func (batch) clear() {}

func (s *Socket) sendBatch(ctx context.Context, messages []Message, flags Flags) (int, error) {
	return s.sendEach(ctx, messages, flags)
}

func (s *Socket) recvBatch(ctx context.Context, messages []Message, flags Flags) (int, error) {
	return s.recvEach(ctx, messages, flags)
}

// sysSocket holds the lock that keeps a fork from copying the descriptor before
// it is close-on-exec.
func sysSocket(domain, typ, proto int) (uintptr, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(domain, typ, proto)
	if err != nil {
		return 0, err
	}
	unix.CloseOnExec(fd)
	return uintptr(fd), nil
}

// describe asks the kernel what a descriptor is. The domain is in the address
// that every socket has.
func describe(fd uintptr) (domain, typ, proto int, err error) {
	if typ, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TYPE); err != nil {
		return 0, 0, 0, err
	}
	var raw [sockaddrSize]byte
	n, err := sysName(fd, &raw, false)
	if err != nil {
		return 0, 0, 0, err
	}
	domain, _ = HeaderFamily(raw[:n])
	return domain, typ, protocolOf(fd), nil
}
