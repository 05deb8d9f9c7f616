//go:build !windows

package main

// The terminal that the process runs on.
const (
	terminalIn  = "/dev/tty"
	terminalOut = "/dev/tty"
)
