//go:build !linux && !darwin && !freebsd && !dragonfly && !windows

package transfer

import (
	"errors"
	"syscall"
)

// errNotFolder is the error for a name below a file.
const errNotFolder = syscall.ENOTDIR

// diskFull reports whether an error is that of a disk that is full.
func diskFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }

// freeSpace would return how many bytes may be written to the disk of a folder.
func freeSpace(string) (uint64, bool) { return 0, false }
