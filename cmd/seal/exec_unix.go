//go:build !windows

package main

import (
	"os/exec"
	"syscall"
)

// shell is what runs the line of --exec.
var shell = []string{"/bin/sh", "-c"}

// ownGroup puts a program and all that it starts into a group, so that the end of
// its connection ends all of them.
func ownGroup(child *exec.Cmd) {
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(child.SysProcAttr)
}

// endGroup asks a group to end, or kills what is left of it.
func endGroup(child *exec.Cmd, kill bool) {
	sig := syscall.SIGTERM
	if kill {
		sig = syscall.SIGKILL
	}
	_ = syscall.Kill(-child.Process.Pid, sig)
}
