// Package alarm calls a function later, unless it is stopped before, and holds nothing then.
//
// The runtime removes a time.Timer that was stopped only when it comes upon it, which can be as
// late as its time as long as a quarter of all timers, at most, were stopped. Meanwhile it keeps
// the function, and what that refers to: where limits are hours away, each fourth connection in
// memory can be one that has ended.
package alarm

import (
	"sync/atomic"
	"time"
)

// An Alarm is a call of a function that is due. Any goroutine may use it.
type Alarm struct {
	call  atomic.Pointer[func()]
	timer *time.Timer
}

// After returns an Alarm that calls a function in a goroutine of its own, after d.
func After(d time.Duration, call func()) *Alarm {
	a := new(Alarm)
	a.call.Store(&call)
	a.timer = time.AfterFunc(d, a.ring)
	return a
}

func (a *Alarm) ring() {
	if call := a.call.Load(); call != nil {
		(*call)()
	}
}

// Reset makes the call due after d.
func (a *Alarm) Reset(d time.Duration) { a.timer.Reset(d) }

// Stop prevents the call, unless it has begun, and lets go of the function. No other method may be
// called afterwards.
func (a *Alarm) Stop() {
	a.timer.Stop()
	a.call.Store(nil)
}
