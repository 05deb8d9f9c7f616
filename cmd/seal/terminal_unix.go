//go:build !windows

package main

import "os"

// The terminal that the process runs on.
const (
	terminalIn  = "/dev/tty"
	terminalOut = "/dev/tty"
)

// prepareOutput makes a terminal understand escape sequences, which those of this
// system do.
func prepareOutput(*os.File) (restore func()) { return func() {} }
