package main

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// Errors of the operating system about the network.
const (
	errRefused    = windows.WSAECONNREFUSED
	errInUse      = windows.WSAEADDRINUSE
	errNotLocal   = windows.WSAEADDRNOTAVAIL
	errNoHost     = windows.WSAEHOSTUNREACH
	errNoNetwork  = windows.WSAENETUNREACH
	errReset      = windows.WSAECONNRESET
	errBrokenPipe = windows.WSAESHUTDOWN
	errForbidden  = windows.WSAEACCES
	errNotOpen    = windows.WSAEBADF
)

// shortages are the errors for resources that are available again once a program or a
// connection has ended.
var shortages = []syscall.Errno{
	windows.ERROR_TOO_MANY_OPEN_FILES, windows.ERROR_NO_SYSTEM_RESOURCES,
	windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_COMMITMENT_LIMIT,
}
