//go:build !windows

package main

import (
	"os/exec"
	"syscall"
)

// withoutTerminal starts a program without a controlling terminal, so that it asks no
// question where the tests run on one.
func withoutTerminal(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
