package reuse

import "unsafe"

// A Hidden points to a value that package fmt does not print: it follows a pointer in an unexported
// field after a verb that does not fit, and prints what that has. Its zero value points to none.
type Hidden[T any] struct{ p unsafe.Pointer }

// Hide returns a Hidden that points to v.
func Hide[T any](v *T) Hidden[T] { return Hidden[T]{unsafe.Pointer(v)} }

// Get returns what h points to, or nil.
func (h Hidden[T]) Get() *T { return (*T)(h.p) }
