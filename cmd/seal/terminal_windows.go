package main

// The terminal that the process runs on.
const (
	terminalIn  = "CONIN$"
	terminalOut = "CONOUT$"
)
