package tunnel

import (
	"testing"
	"time"
)

// TestClock: the times of the last data and of the next attempt to reach a backend are those of a
// clock that no step of the system's clock changes: since the process began, and not since 1970.
func TestClock(t *testing.T) {
	p := newPair(nil, nil)
	b := &backend{stats: new(backendStats)}
	b.failed(&Health{Retry: Duration(time.Hour)})
	limit := time.Since(clock) + time.Hour
	for name, at := range map[string]int64{"last": p.last.Load(), "until": b.stats.until.Load()} {
		if d := time.Duration(at); d < 0 || d > limit {
			t.Errorf("%s is %v after the process began", name, d)
		}
	}
	if b.up(time.Now()) || !b.up(time.Now().Add(2*time.Hour)) {
		t.Error("a backend that failed is tried, or is left alone for too long")
	}
	if q := p.quiet(); q < 0 || q > time.Minute {
		t.Errorf("a new connection is idle for %v", q)
	}
}
