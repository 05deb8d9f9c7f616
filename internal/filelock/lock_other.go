//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package filelock

import (
	"errors"
	"os"
)

// TryLock is not implemented on this system: it returns errors.ErrUnsupported.
func TryLock(*os.File) error { return errors.ErrUnsupported }

// Unlock is not implemented on this system: it returns errors.ErrUnsupported.
func Unlock(*os.File) error { return errors.ErrUnsupported }
