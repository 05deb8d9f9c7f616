package main

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// What the operating system says when something in the network is in the way.
const (
	errRefused    = windows.WSAECONNREFUSED
	errInUse      = windows.WSAEADDRINUSE
	errNotLocal   = windows.WSAEADDRNOTAVAIL
	errNoHost     = windows.WSAEHOSTUNREACH
	errNoNetwork  = windows.WSAENETUNREACH
	errReset      = windows.WSAECONNRESET
	errBrokenPipe = windows.WSAESHUTDOWN
	errForbidden  = windows.WSAEACCES
)

// shortages are the errors of what there will be again once something has ended.
var shortages = []syscall.Errno{
	windows.ERROR_TOO_MANY_OPEN_FILES, windows.ERROR_NO_SYSTEM_RESOURCES,
	windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_COMMITMENT_LIMIT,
}
