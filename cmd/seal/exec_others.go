//go:build !linux && !windows

package main

import "syscall"

// endWithParent does nothing: this system has no such signal. The guard remains.
func endWithParent(*syscall.SysProcAttr) {}
