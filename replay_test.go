package sealsock_test

import (
	"testing"
	"time"
	"unsafe"

	"github.com/sealsock/sealsock"
)

// stepWall sets the wall clock of a time back by whole seconds, and leaves its monotonic
// clock, as a time of time.Now is after the system's clock was set back.
func stepWall(t *testing.T, now time.Time, back time.Duration) time.Time {
	t.Helper()
	type fields struct {
		wall uint64
		ext  int64
		loc  *time.Location
	}
	later := now
	const nsecShift = 30 // see package time: the seconds stand above the nanoseconds
	(*fields)(unsafe.Pointer(&later)).wall -= uint64(back/time.Second) << nsecShift
	if later.Sub(now) != 0 || later.Round(0).Sub(now.Round(0)) != -back {
		t.Fatal("package time represents times in another way than this test expects")
	}
	return later
}

// TestClockSetBackReopensNoReplay: the age of a ticket is judged by the wall clock, so an
// attempt must not be taken a second time when that clock shows its time again.
func TestClockSetBackReopensNoReplay(t *testing.T) {
	const window = 20 * time.Second // how long the engine has an attempt remembered
	for name, start := range map[string]time.Time{
		"with a monotonic clock":    time.Now(),
		"without a monotonic clock": time.Unix(2_000_000_000, 0),
	} {
		now := start
		memory := sealsock.NewAntiReplay(10, func() time.Time { return now })
		now = now.Add(time.Minute)
		accepted := now
		if !memory.Fresh([]byte("a"), now.Add(window)) {
			t.Fatal("the first attempt is refused")
		}
		back := func(d time.Duration) time.Time {
			if now.Round(0) == now {
				return now.Add(-d)
			}
			return stepWall(t, now, d)
		}
		now = now.Add(25 * time.Second) // it is forgotten
		if !memory.Fresh([]byte("b"), now.Add(window)) {
			t.Fatal("another attempt is refused")
		}
		now = back(25 * time.Second)
		if !now.Round(0).Equal(accepted.Round(0)) {
			t.Fatalf("%v is not %v", now, accepted)
		}
		if memory.Fresh([]byte("a"), now.Add(window)) {
			t.Errorf("%s: a clock that is set back takes an attempt again", name)
		}
		now = now.Add(21 * time.Second)
		if !memory.Fresh([]byte("c"), now.Add(window)) {
			t.Errorf("%s: attempts are refused when none can come again", name)
		}
	}
}

// TestClockSetBackAfterRestart: what a server accepted before a restart must not be taken
// when the clock shows that time again.
func TestClockSetBackAfterRestart(t *testing.T) {
	now := time.Now()
	memory := sealsock.NewAntiReplay(10, func() time.Time { return now })
	now = stepWall(t, now.Add(time.Minute), time.Minute+40*time.Second)
	if memory.Fresh([]byte("a"), now.Add(20*time.Second)) {
		t.Error("an attempt from before the restart is taken")
	}
}
