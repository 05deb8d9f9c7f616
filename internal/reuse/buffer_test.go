package reuse_test

import (
	"testing"

	"github.com/sealsock/sealsock/internal/reuse"
)

// TestBufferIsCleared: what was used of a Buffer is zero for the next one, also where later uses
// were shorter.
func TestBufferIsCleared(t *testing.T) {
	var pool reuse.BufferPool
	pool.Put(nil)
	b := pool.Get()
	for _, n := range []int{100, reuse.LargestDatagram, 10} {
		for i := range n {
			b.Room[i] = 1
		}
		b.Used(n)
	}
	pool.Put(b)
	if b.Room != [reuse.LargestDatagram]byte{} { // the pool may give out another one
		t.Error("a Buffer holds what another user has left")
	}
}
