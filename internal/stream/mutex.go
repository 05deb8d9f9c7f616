package stream

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// A mutex is a sync.Mutex with LockContext. Those that wait have their turns in the order in
// which they came. A mutex that nothing waits for holds no memory but its own: a connection
// has two.
type mutex struct {
	state atomic.Uint32
	guard sync.Mutex       // of queue, and held while state is mutexShut
	queue *[]chan struct{} // of those that wait; closed when it is their turn
}

// The states of a mutex. A Lock and an Unlock between which nothing waits change the state alone:
// those of most Writes.
const (
	mutexFree    = iota
	mutexHeld    // and nothing waits
	mutexAwaited // held, and something waits or has given up
	mutexShut    // nothing holds it, but whileFree works
)

// Lock locks m.
func (m *mutex) Lock() {
	if m.state.CompareAndSwap(mutexFree, mutexHeld) {
		return
	}
	if turn := m.enter(); turn != nil {
		<-turn
	}
}

// enter locks m and returns nil, or returns what is closed when the caller has locked it.
func (m *mutex) enter() (turn chan struct{}) {
	m.guard.Lock()
	defer m.guard.Unlock()
	for !m.state.CompareAndSwap(mutexHeld, mutexAwaited) && m.state.Load() != mutexAwaited {
		if m.state.CompareAndSwap(mutexFree, mutexHeld) {
			return nil
		}
	}
	turn = make(chan struct{})
	if m.queue == nil {
		m.queue = new([]chan struct{})
	}
	*m.queue = append(*m.queue, turn)
	return turn
}

// Unlock unlocks m, which must be locked, or passes it on to the next that waits.
func (m *mutex) Unlock() {
	if m.state.CompareAndSwap(mutexHeld, mutexFree) {
		return
	}
	m.guard.Lock()
	defer m.guard.Unlock()
	if m.queue == nil { // what waited has given up
		m.state.Store(mutexFree)
		return
	}
	close((*m.queue)[0])
	if m.remove(0); m.queue == nil {
		m.state.Store(mutexHeld)
	}
}

// remove takes out the one at position i that waits.
func (m *mutex) remove(i int) {
	if *m.queue = slices.Delete(*m.queue, i, i+1); len(*m.queue) == 0 {
		m.queue = nil
	}
}

// TryLock locks m if nothing else holds it.
func (m *mutex) TryLock() bool {
	for !m.state.CompareAndSwap(mutexFree, mutexHeld) {
		switch m.state.Load() {
		case mutexHeld, mutexAwaited:
			return false
		case mutexShut:
			m.guard.Lock() // until whileFree has ended
			m.guard.Unlock()
		}
	}
	return true
}

// whileFree calls f if nothing holds m. To others m is not locked meanwhile: they wait, and f
// must not.
func (m *mutex) whileFree(f func()) {
	m.guard.Lock()
	defer m.guard.Unlock()
	if m.state.CompareAndSwap(mutexFree, mutexShut) {
		defer m.state.Store(mutexFree)
		f()
	}
}

// LockContext locks m, or returns why ctx ended first: what holds m may be waiting
// for the peer. If m is free, it locks even after the end of ctx.
func (m *mutex) LockContext(ctx context.Context) error {
	if m.state.CompareAndSwap(mutexFree, mutexHeld) {
		return nil
	}
	turn := m.enter()
	if turn == nil {
		return nil
	}
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	if m.leave(turn) {
		return context.Cause(ctx)
	}
	return nil // it was this one's turn already
}

// leave takes one that waits out of the queue. It returns false if it has locked m by now.
func (m *mutex) leave(turn chan struct{}) bool {
	m.guard.Lock()
	defer m.guard.Unlock()
	if m.queue == nil {
		return false
	}
	i := slices.Index(*m.queue, turn)
	if i < 0 {
		return false
	}
	m.remove(i)
	return true
}
