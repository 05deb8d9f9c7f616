//go:build !windows

package main

import (
	"math"
	"syscall"
)

// mostDescriptors is the limit of descriptors of this process.
func maxDescriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxInt32
	}
	return int(min(uint64(limit.Cur), math.MaxInt32))
}
