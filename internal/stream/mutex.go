package stream

import "context"

// A mutex is a sync.Mutex with LockContext. Make it with newMutex.
type mutex chan struct{}

func newMutex() mutex { return make(mutex, 1) }

// Lock locks m.
func (m mutex) Lock() { m <- struct{}{} }

// Unlock unlocks m, which must be locked.
func (m mutex) Unlock() { <-m }

// TryLock locks m if nothing else holds it.
func (m mutex) TryLock() bool {
	select {
	case m <- struct{}{}:
		return true
	default:
		return false
	}
}

// LockContext locks m, or returns why ctx ended first: what holds m may be waiting
// for the peer. If m is free, it locks even after the end of ctx.
func (m mutex) LockContext(ctx context.Context) error {
	if m.TryLock() {
		return nil
	}
	select {
	case m <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
