package filelock

import (
	"os"

	"golang.org/x/sys/windows"
)

// Lock waits until nobody else holds f's lock, and holds it until f is closed
// or the process ends. It binds only those who ask for the lock too, each
// through a file that it opened itself. The error wraps errors.ErrUnsupported
// on file systems without locks.
func Lock(f *os.File) error {
	// Windows keeps others from reading what is locked: so it is a byte far
	// behind the end of any file.
	far := &windows.Overlapped{OffsetHigh: 1 << 30}
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, far)
}
