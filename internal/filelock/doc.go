// Package filelock keeps processes that write to the same files out of each
// other's way.
package filelock

import "errors"

// ErrHeld is the error of TryLock while another file holds the lock.
var ErrHeld = errors.New("another process holds the lock")
