package socket

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const closeOnExecFlag = unix.MSG_CMSG_CLOEXEC

// closeOnExecAll has nothing to do: MSG_CMSG_CLOEXEC did it.
func closeOnExecAll(*Message) {}

func callAccept(o *op, fd uintptr) syscall.Errno {
	size := uint32(sockaddrSize)
	for {
		n, _, e := unix.Syscall6(unix.SYS_ACCEPT4, fd, uintptr(unsafe.Pointer(&o.name)), uintptr(unsafe.Pointer(&size)), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0, 0)
		switch e {
		case syscall.ECONNABORTED: // the peer gave up while it waited in the queue
			continue
		case 0:
			o.newFD, o.nameLen = n, int(min(size, sockaddrSize))
		}
		return e
	}
}

// soProtocol is SO_PROTOCOL of sys/socket.h.
const soProtocol = 0x1016

func protocolOf(fd uintptr) int {
	proto, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, soProtocol)
	if err != nil {
		return 0
	}
	return proto
}
