//go:build !linux

package sctp

// missing is negative where the system has no such sockets.
const missing = -1
