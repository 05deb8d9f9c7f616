//go:build !linux

package mptcp

// missing is negative where the system has no such sockets.
const missing = -1
