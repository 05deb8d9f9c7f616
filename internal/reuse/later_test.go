package reuse

import "testing"

// TestLater: the first value stays.
func TestLater(t *testing.T) {
	var l Later[int]
	if l.Load() != nil {
		t.Error("a value before there is one")
	}
	first, second := new(int), new(int)
	if !l.Store(first) || l.Load() != first {
		t.Error("the first value was refused")
	}
	if l.Store(second) || l.Load() != first {
		t.Error("the second value took the place of the first")
	}
}
