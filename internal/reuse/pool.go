package reuse

import "sync"

// A Pool lends values of one type. Its zero value is ready. Any goroutine may use it.
type Pool[T any] struct{ pool sync.Pool }

// Get returns a value that is zero. It belongs to the caller until Put.
func (p *Pool[T]) Get() *T {
	if v, ok := p.pool.Get().(*T); ok {
		return v
	}
	return new(T)
}

// Put takes a value back, which nothing may use any more, and makes it zero.
func (p *Pool[T]) Put(v *T) {
	if v == nil {
		return
	}
	var zero T
	*v = zero
	p.pool.Put(v)
}
