package reuse

import (
	"sync/atomic"
	"unsafe"
)

// A Later points to a value that is made when it is first needed. Its zero value points to none.
// Any goroutine may use it.
type Later[T any] struct{ p unsafe.Pointer }

// Load returns the value, or nil if there is none yet.
func (l *Later[T]) Load() *T { return (*T)(atomic.LoadPointer(&l.p)) }

// Store makes v the value, and returns false if there is one already. Then v is still the
// caller's.
func (l *Later[T]) Store(v *T) bool {
	return atomic.CompareAndSwapPointer(&l.p, nil, unsafe.Pointer(v))
}
