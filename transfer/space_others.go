//go:build !linux && !darwin && !freebsd && !dragonfly && !windows

package transfer

import "syscall"

// errNotFolder is the error for a name below a file.
const errNotFolder = syscall.ENOTDIR

// freeSpace would return how many bytes may be written to the disk of a folder.
func freeSpace(string) (uint64, bool) { return 0, false }
