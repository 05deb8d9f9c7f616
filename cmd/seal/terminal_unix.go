//go:build !windows

package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// The terminal that the process runs on.
const (
	terminalIn  = "/dev/tty"
	terminalOut = "/dev/tty"
)

// prepareOutput makes a terminal understand escape sequences, which those of this
// system do.
func prepareOutput(*os.File) (restore func()) { return func() {} }

// suspendProcess stops the programs of this job until the shell continues them. Where no
// shell could, the system ignores it.
func suspendProcess() {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	defer signal.Stop(continued)
	if syscall.Kill(0, syscall.SIGTSTP) != nil {
		return
	}
	// Another thread may receive the signal. The caller changes the terminal again, which must
	// not happen before the process has stopped.
	select {
	case <-continued:
	case <-time.After(stopDelay):
	}
}

// stopDelay is the time in which a process stops, if the system does not ignore the signal.
const stopDelay = 200 * time.Millisecond
