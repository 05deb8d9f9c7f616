package stream

import "runtime"

// handshakeStack is more than what the calls of a handshake have on the stack, in bytes.
const handshakeStack = 12 << 10

// GrowStack makes room on the stack of the calling goroutine for a handshake. A goroutine
// starts with a few KiB, and the runtime doubles a full stack and moves every frame. Without
// this call that happens three times within the deepest calls of each handshake.
func GrowStack() { grow(false) }

// grow has a frame of handshakeStack bytes, which it clears only if they are used.
//
//go:noinline
func grow(use bool) {
	if use {
		var room [handshakeStack]byte
		runtime.KeepAlive(&room)
	}
}
