package main

import "syscall"

// endWithParent has the kernel end a program with this process. The signal reaches
// the program alone, and not what it started: that is for the guard.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }
