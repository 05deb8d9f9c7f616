package transfer

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// errNotFolder is the error for a name below a file.
const errNotFolder = syscall.ENOTDIR

// diskFull reports whether an error is that of a disk, or of a user's part of it, that is full.
func diskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// freeSpace returns how many bytes this user may write to the disk of a folder, if the system
// tells.
func freeSpace(dir string) (uint64, bool) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, false
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, false
	}
	return free, true
}
