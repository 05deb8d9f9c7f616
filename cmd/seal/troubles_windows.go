package main

import "golang.org/x/sys/windows"

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
