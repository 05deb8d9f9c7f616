//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package filelock

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Lock waits until nobody else holds f's lock, and holds it until f is closed
// or the process ends. It binds only those who ask for the lock too, each
// through a file that it opened itself. The error wraps errors.ErrUnsupported
// on file systems without locks.
func Lock(f *os.File) error { return flock(f, unix.LOCK_EX) }

// TryLock is Lock without waiting: it returns ErrHeld while another file holds
// the lock.
func TryLock(f *os.File) error {
	err := flock(f, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrHeld
	}
	return err
}

// Unlock releases the lock at once. Close alone releases it later if a child
// process that is being started holds a copy of the descriptor.
func Unlock(f *os.File) error { return flock(f, unix.LOCK_UN) }

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.ENOLCK):
			return errors.Join(err, errors.ErrUnsupported)
		default:
			return err
		}
	}
}
