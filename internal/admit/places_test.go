package admit

import "testing"

// TestPlaces takes places until there are none, and one more after one was given back.
func TestPlaces(t *testing.T) {
	p := Places{Total: 3, PerAddress: 2}
	for i, step := range []struct {
		addr string
		want Place
	}{
		{"10.0.0.1:1", Free}, {"10.0.0.1:2", Free}, {"10.0.0.1:3", PeerFull},
		{"10.0.0.2:1", Free}, {"10.0.0.3:1", Full},
	} {
		if got := p.Take(from(step.addr)); got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
	}
	p.Leave(from("10.0.0.1:1"))
	if got := p.Take(from("10.0.0.1:4")); got != Free {
		t.Errorf("after a place was given back: %d", got)
	}
	p.Resize(4, 3)
	if got := p.Take(from("10.0.0.1:5")); got != Free {
		t.Errorf("after Resize: %d", got)
	}
}
