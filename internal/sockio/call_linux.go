//go:build linux && (amd64 || arm64 || riscv64) && !race && !msan && !asan

package sockio

import (
	"syscall"
	"unsafe"
)

// noSignal: a write to a peer that is gone raises no SIGPIPE. atOnce: a call does not wait, even
// if the socket would.
const noSignal, atOnce = true, true

// A system call that may wait is announced to the scheduler, which takes some 80 ns: other
// goroutines run meanwhile, from 20 µs on. One that does not wait, and copies no more than this, is
// over by then, and is made without.
const (
	quickRecv = 128 << 10
	quickSend = 32 << 10
)

func recv(fd int, p []byte) (int, syscall.Errno) {
	if len(p) <= quickRecv {
		n, _, e := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_DONTWAIT, 0, 0)
		return int(n), e
	}
	n, _, e := syscall.Syscall6(syscall.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_DONTWAIT, 0, 0)
	return int(n), e
}

func send(fd int, p []byte) (int, syscall.Errno) {
	const flags = syscall.MSG_NOSIGNAL | syscall.MSG_DONTWAIT
	if len(p) <= quickSend {
		n, _, e := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
		return int(n), e
	}
	n, _, e := syscall.Syscall6(syscall.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
	return int(n), e
}
