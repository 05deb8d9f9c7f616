package adapt

import "sync"

// Turns has functions run one at a time, for the Run of a Transport whose library calls
// from several goroutines. Its zero value is ready.
type Turns struct {
	turn sync.Mutex // held while a function runs
	mu   sync.Mutex
	next []func()
}

// Run calls f. If another function of t is under way, that one's goroutine calls f
// afterwards, and Run returns at once.
func (t *Turns) Run(f func()) {
	if t == nil || f == nil {
		return
	}
	t.mu.Lock()
	t.next = append(t.next, f)
	t.mu.Unlock()
	t.rest()
}

// Wait calls f after what is under way, and returns when it is done. A function of t must
// not call it.
func (t *Turns) Wait(f func()) {
	if t == nil || f == nil {
		return
	}
	t.turn.Lock()
	func() {
		defer t.turn.Unlock()
		f()
	}()
	t.rest()
}

// rest calls what waits, unless another goroutine does so. One that stops doing so looks
// again after the unlock, so that nothing stays behind.
func (t *Turns) rest() {
	for {
		t.mu.Lock()
		n := len(t.next)
		t.mu.Unlock()
		if n == 0 || !t.turn.TryLock() {
			return
		}
		t.mu.Lock()
		next := t.next
		t.next = nil
		t.mu.Unlock()
		func() {
			defer t.turn.Unlock()
			for _, f := range next {
				f()
			}
		}()
	}
}
