//go:build !windows

package main

import "syscall"

// Errors of the operating system about the network.
const (
	errRefused    = syscall.ECONNREFUSED
	errInUse      = syscall.EADDRINUSE
	errNotLocal   = syscall.EADDRNOTAVAIL
	errNoHost     = syscall.EHOSTUNREACH
	errNoNetwork  = syscall.ENETUNREACH
	errReset      = syscall.ECONNRESET
	errBrokenPipe = syscall.EPIPE
	errForbidden  = syscall.EACCES
	errNotOpen    = syscall.EBADF
)

// shortages are the errors for resources that are available again once a program or a
// connection has ended.
var shortages = []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM}
