// Package filelock serializes processes that write to the same files.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrHeld is the error of TryLock while another file holds the lock.
var ErrHeld = errors.New("another process holds the lock")

// The time between two attempts of Lock grows from the first to the second.
const (
	firstPause = time.Millisecond
	lastPause  = 10 * time.Millisecond
)

// Lock acquires the lock of f, and holds it until f is closed or the process
// ends. It binds only processes that ask for the lock too, each through a file
// that it opened itself. While another file holds the lock Lock waits until ctx
// is done; its error then wraps ErrHeld and the context's cause. On a file
// system without locks the error wraps errors.ErrUnsupported.
func Lock(ctx context.Context, f *os.File) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if err := TryLock(f); !errors.Is(err, ErrHeld) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", ErrHeld, context.Cause(ctx))
		}
	}
}
