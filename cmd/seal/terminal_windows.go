package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// The terminal that the process runs on.
const (
	terminalIn  = "CONIN$"
	terminalOut = "CONOUT$"
)

// prepareOutput makes a terminal understand escape sequences.
func prepareOutput(f *os.File) (restore func()) {
	h := windows.Handle(f.Fd())
	var mode uint32
	if err := windows.GetConsoleMode(h, &mode); err != nil {
		return func() {}
	}
	if err := windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING); err != nil {
		return func() {}
	}
	return func() { windows.SetConsoleMode(h, mode) }
}

// suspendProcess does nothing: this system cannot stop a program.
func suspendProcess() {}
