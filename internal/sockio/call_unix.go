//go:build unix && (!linux || !(amd64 || arm64 || riscv64) || race || msan || asan)

package sockio

import "syscall"

// Package syscall tells the race detector what a read and a write order.

const noSignal, atOnce = false, false

func recv(fd int, p []byte) (int, syscall.Errno) { return result(syscall.Read(fd, p)) }

func send(fd int, p []byte) (int, syscall.Errno) { return result(syscall.Write(fd, p)) }

func result(n int, err error) (int, syscall.Errno) {
	e, _ := err.(syscall.Errno)
	return n, e
}
