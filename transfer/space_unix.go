//go:build linux || darwin || freebsd || dragonfly

package transfer

import (
	"errors"

	"golang.org/x/sys/unix"
)

// errNotFolder is the error for a name below a file.
const errNotFolder = unix.ENOTDIR

// diskFull reports whether an error is that of a disk, or of a user's part of it, that is full.
func diskFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// freeSpace returns how many bytes this user may write to the disk of a folder, if the system
// tells.
func freeSpace(dir string) (uint64, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return uint64(max(0, s.Bavail)) * uint64(s.Bsize), true
}
