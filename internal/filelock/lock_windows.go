package filelock

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// TryLock is Lock without waiting: it returns ErrHeld while another file holds
// the lock.
func TryLock(f *os.File) error {
	const how = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, far())
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrHeld
	}
	return err
}

// Unlock releases the lock at once.
func Unlock(f *os.File) error {
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, far())
}

// far is the byte that is locked. Windows prevents other processes from reading
// what is locked, so it is a byte far behind the end of any file.
func far() *windows.Overlapped { return &windows.Overlapped{OffsetHigh: 1 << 30} }
