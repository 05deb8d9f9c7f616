package socket

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const closeOnExecFlag = 0

func callAccept(o *op, fd uintptr) syscall.Errno {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	size := uint32(sockaddrSize)
	for {
		n, _, e := unix.Syscall(unix.SYS_ACCEPT, fd, uintptr(unsafe.Pointer(&o.name)), uintptr(unsafe.Pointer(&size)))
		switch e {
		case syscall.ECONNABORTED: // the peer gave up while it waited in the queue
			continue
		case 0:
			unix.CloseOnExec(int(n))
			o.newFD, o.nameLen = n, int(min(size, sockaddrSize))
		}
		return e
	}
}

// protocolOf is not known: macOS has no SO_PROTOCOL.
func protocolOf(uintptr) int { return 0 }

// closeOnExecAll marks the descriptors of a received message. A fork may come
// before that; macOS has no call that does both at once.
func closeOnExecAll(m *Message) {
	if m.ControlN == 0 {
		return
	}
	items, _ := ParseAncillary(m.Control[:m.ControlN])
	for _, item := range items {
		if r, ok := item.(Rights); ok {
			for _, fd := range r.FDs {
				unix.CloseOnExec(fd)
			}
		}
	}
}
