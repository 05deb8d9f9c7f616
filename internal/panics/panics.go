// Package panics makes an error of a panic in a callback, so that it ends one
// connection and not the process.
package panics

import (
	"fmt"
	"runtime"
)

// An Error is a panic that was recovered.
type Error struct {
	Value any    // what the panic was called with
	Stack string // the stack of its goroutine, cut to 16 KiB
}

// maxStack bounds Error.Stack, in bytes.
const maxStack = 16 << 10

// New makes an Error of what recover returned. It must be called by the deferred
// function itself, so that the stack is still there.
func New(value any) *Error {
	stack := make([]byte, maxStack)
	return &Error{Value: value, Stack: string(stack[:runtime.Stack(stack, false)])}
}

// Error returns the value. The stack is long, and stays in its field.
func (e *Error) Error() string {
	if e == nil {
		return "no panic"
	}
	return fmt.Sprintf("panic: %v", e.Value)
}

// Unwrap returns the value if it is an error.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	err, _ := e.Value.(error)
	return err
}
