package main

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"
)

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

// TestPercent: a small heap is collected seldom, and a large one has little garbage.
func TestPercent(t *testing.T) {
	for _, c := range []struct {
		used uint64
		want int
	}{
		{0, mostPercent}, {2 << 20, mostPercent}, {8 << 20, 200}, {16 << 20, 100}, {32 << 20, 50},
		{1 << 40, gcPercent},
	} {
		if got := percentFor(c.used); got != c.want {
			t.Errorf("%d bytes: %d percent, not %d", c.used, got, c.want)
		}
	}
	if runtime.GC(); inUse() == 0 {
		t.Error("nothing is in use")
	}
}

// TestCollecting: there is more garbage only while short connections follow each other.
func TestCollecting(t *testing.T) {
	var c collecting
	now := time.Now()
	const little, much = gcPercent, mostPercent
	for i, step := range []struct {
		after time.Duration
		open  int
		want  int
	}{
		{0, 0, little}, {2 * time.Second, 0, little}, {time.Minute, 0, little}, // little to do
		{time.Second, 5, little}, {time.Second, 5, little}, {time.Second, 5, little},
		{time.Second, 5, much}, {7 * time.Second, 21, much},
		{time.Second, 38, little}, {time.Second, 138, little}, {time.Second, 238, little}, // they stay
		{time.Second, 238, little}, {time.Second, 238, little}, {time.Second, 238, little},
		{time.Second, 10, much}, {9 * time.Second, 10, little}, {time.Second, 10, little},
	} {
		now = now.Add(step.after)
		if c.percent = c.choose(now, step.open, 1<<20); c.percent != step.want {
			t.Errorf("step %d: %d percent, not %d", i, c.percent, step.want)
		}
	}
}

// TestCollectingContinues: each collection is followed by a choice.
func TestCollectingContinues(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	var asked atomic.Int64
	c := &collecting{active: func() int { return int(asked.Add(1)) }}
	c.after()
	for end := time.Now().Add(20 * time.Second); asked.Load() < 4; runtime.GC() {
		if time.Now().After(end) {
			t.Fatal("it does not choose again")
		}
	}
}
