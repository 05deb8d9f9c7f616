package stream

import (
	"context"
	"errors"
	"sync"
	"testing"
)

// TestMutexTakesTurns: goroutines that wait lock a mutex in the order in which they came,
// one that gives up is passed over, and one whose context has ended locks a free one.
func TestMutexTakesTurns(t *testing.T) {
	var m mutex
	m.Lock()
	if m.TryLock() {
		t.Fatal("a mutex is locked twice")
	}
	cause := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	var order []int
	var waiting sync.WaitGroup
	for i := range 5 {
		waiting.Go(func() {
			if i == 2 {
				if err := m.LockContext(ctx); !errors.Is(err, cause) {
					t.Errorf("one that gives up: %v", err)
				}
				return
			}
			m.Lock()
			order = append(order, i)
			m.Unlock()
		})
		for !m.waits(i + 1) {
		}
	}
	cancel(cause)
	for !m.waits(4) {
	}
	m.Unlock()
	waiting.Wait()
	if want := [...]int{0, 1, 3, 4}; len(order) != 4 || [4]int(order) != want {
		t.Errorf("the order is %v, want %v", order, want)
	}
	if err := m.LockContext(ctx); err != nil {
		t.Errorf("a free mutex is not locked: %v", err)
	}
	m.Unlock()
	if m.state.Load() != mutexFree || m.queue != nil {
		t.Error("a mutex that nothing waits for holds memory")
	}
}

// waits reports whether n goroutines wait.
func (m *mutex) waits(n int) bool {
	m.guard.Lock()
	defer m.guard.Unlock()
	return m.queue != nil && len(*m.queue) == n || m.queue == nil && n == 0
}

// TestMutexGivenUp: a mutex is free after the only one that waited has given up.
func TestMutexGivenUp(t *testing.T) {
	var m mutex
	m.Lock()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.LockContext(ctx) }()
	for !m.waits(1) {
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if m.TryLock() {
		t.Error("a mutex is locked twice")
	}
	m.Unlock()
	if !m.TryLock() {
		t.Error("a free mutex is not locked")
	}
}

// TestMutexExcludes counts under a mutex from goroutines that give up now and then, that do not
// wait, and that count only while it is free.
func TestMutexExcludes(t *testing.T) {
	var m mutex
	var all sync.WaitGroup
	count, locked := 0, make(chan int, 8)
	for range 8 {
		all.Go(func() {
			n := 0
			for i := range 500 {
				ctx, cancel := context.WithCancel(t.Context())
				if i%3 == 0 {
					cancel()
				}
				switch {
				case i%5 == 1:
					m.whileFree(func() { count++; n++ })
				case i%5 == 2 && m.TryLock(), i%5 != 2 && m.LockContext(ctx) == nil:
					count++
					n++
					m.Unlock()
				}
				cancel()
			}
			locked <- n
		})
	}
	all.Wait()
	sum := 0
	for range 8 {
		sum += <-locked
	}
	if sum != count {
		t.Errorf("%d locks, and %d were counted under them", sum, count)
	}
}

// TestWhileFree: what whileFree calls excludes others, and they notice nothing of it.
func TestWhileFree(t *testing.T) {
	var m mutex
	locked := make(chan bool, 1)
	m.whileFree(func() {
		started := make(chan struct{})
		go func() {
			close(started)
			locked <- m.TryLock()
		}()
		<-started
		select {
		case got := <-locked:
			t.Error("TryLock did not wait")
			locked <- got
		default:
		}
	})
	if !<-locked {
		t.Error("TryLock failed, though nothing held the mutex")
	}
	m.whileFree(func() { t.Error("called while something holds the mutex") })
}
