package main

import "testing"

// TestSettling: memory is given back once after a change, and not while the number of
// connections moves or stays.
func TestSettling(t *testing.T) {
	var s settling
	for i, step := range []struct {
		n    int
		want bool
	}{
		{10, false}, {12, false}, {12, false}, // too few
		{900, false}, {1000, false}, {1000, true}, // it rose by much, then by little
		{1000, false}, {1100, false}, {1200, false}, // near what it was
		{1900, false}, {2600, false}, {2700, false}, {2700, true},
		{100, false}, {90, false}, {85, true}, {0, false}, {0, false}, {0, true}, {0, false},
	} {
		if got := s.due(step.n); got != step.want {
			t.Errorf("step %d, %d connections: %v", i, step.n, got)
		}
	}
}
