package link

import (
	"math"
	"testing"
)

// TestArrivals: what is missing, repeated or out of order is told once each, and again after a
// restart, which excuses what is missing.
func TestArrivals(t *testing.T) {
	var a arrivals
	for i, step := range []struct {
		count   uint64
		want    error
		restart bool
	}{
		{0, nil, true}, {1, nil, false}, {2, nil, false},
		{2, ErrRepeated, false}, {1, nil, false}, // told once
		{5, ErrLost, false}, {8, nil, false},
		{4, ErrReordered, false}, {3, nil, false},
		{20, nil, true}, {20, ErrRepeated, false}, {22, ErrLost, false},
		{21, ErrReordered, false}, {21, nil, false},
		{23 + 63, nil, true}, {23, ErrReordered, false}, {22, ErrRepeated, false},
		{1000, nil, true}, {900, ErrRepeated, false}, // too old to tell
		{1001, nil, true}, {999, ErrReordered, false}, {1000, ErrRepeated, false},
		{1001 + 64, ErrLost, false}, {1002, nil, false}, {1001, nil, false},
		{math.MaxUint64 - 1, nil, true}, {math.MaxUint64 - 1, ErrRepeated, false},
	} {
		if step.restart {
			a.restart()
		}
		if got := a.note(step.count); got != step.want {
			t.Fatalf("step %d: %d gives %v, want %v", i, step.count, got, step.want)
		}
	}
}
