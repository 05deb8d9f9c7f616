//go:build linux && (amd64 || arm64 || riscv64) && !race && !msan && !asan

package sockio

import (
	"syscall"
	"unsafe"
)

// noSignal: a write to a peer that is gone raises no SIGPIPE.
const noSignal = true

func recv(fd int, p []byte) (int, syscall.Errno) {
	n, _, e := syscall.Syscall6(syscall.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
	return int(n), e
}

func send(fd int, p []byte) (int, syscall.Errno) {
	n, _, e := syscall.Syscall6(syscall.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_NOSIGNAL, 0, 0)
	return int(n), e
}
