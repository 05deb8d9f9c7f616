package reuse

import "sync"

// A Once has a value that is made when it is first used, and not changed. Its zero value is
// ready. Any goroutine may use it.
type Once[T any] struct {
	once  sync.Once
	value *T
}

// Get returns the value, which the first call makes. All calls must give the same function.
func (o *Once[T]) Get(make func() *T) *T {
	o.once.Do(func() { o.value = make() })
	return o.value
}
