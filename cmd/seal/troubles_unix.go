//go:build !windows

package main

import "syscall"

// What the operating system says when something in the network is in the way.
const (
	errRefused    = syscall.ECONNREFUSED
	errInUse      = syscall.EADDRINUSE
	errNotLocal   = syscall.EADDRNOTAVAIL
	errNoHost     = syscall.EHOSTUNREACH
	errNoNetwork  = syscall.ENETUNREACH
	errReset      = syscall.ECONNRESET
	errBrokenPipe = syscall.EPIPE
	errForbidden  = syscall.EACCES
)

// shortages are the errors of what there will be again once something has ended.
var shortages = []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM}
