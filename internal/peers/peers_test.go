package peers_test

import (
	"testing"

	"github.com/sealsock/sealsock/internal/peers"
)

// witness records how a test ends.
type witness struct {
	testing.TB
	failed, skipped bool
}

func (w *witness) Helper()               {}
func (w *witness) Fatalf(string, ...any) { w.failed = true; panic(w) }
func (w *witness) Skipf(string, ...any)  { w.skipped = true; panic(w) }

func TestNeed(t *testing.T) {
	for _, c := range []struct {
		program, setting string
		failed, skipped  bool
	}{
		{"go", "require", false, false},
		{"no such program", "require", true, false},
		{"no such program", "", false, true},
	} {
		t.Setenv("SEALSOCK_PEERS", c.setting)
		w := &witness{TB: t}
		func() {
			defer func() { _ = recover() }()
			peers.Need(w, c.program)
		}()
		if w.failed != c.failed || w.skipped != c.skipped {
			t.Errorf("%q with %q: %+v", c.program, c.setting, *w)
		}
	}
}
