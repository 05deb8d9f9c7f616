// Package panics makes an error of a panic in a callback, so that it ends one
// connection and not the process.
package panics

import (
	"runtime"

	"github.com/sealsock/sealsock/engine"
)

// maxStack bounds the stack of an error, in bytes.
const maxStack = 16 << 10

// New makes an error of what recover returned. The deferred function calls it, while the
// stack is still there.
func New(value any) *engine.PanicError {
	stack := make([]byte, maxStack)
	return &engine.PanicError{
		Value: value, Stack: string(stack[:runtime.Stack(stack, false)]),
	}
}
