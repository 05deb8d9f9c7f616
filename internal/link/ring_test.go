package link

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestRing compares a ring with a slice, and bounds its memory.
func TestRing(t *testing.T) {
	const most = 5000
	var r ring
	var want []byte
	random := rand.New(rand.NewPCG(1, 2))
	for step := range 20_000 {
		p := make([]byte, random.IntN(most-len(want)+1))
		for i := range p {
			p[i] = byte(random.Uint32())
		}
		r.append(p, most)
		want = append(want, p...)
		from := random.IntN(len(want) + 1)
		got := make([]byte, random.IntN(len(want)-from+1))
		r.copy(got, from)
		if !bytes.Equal(got, want[from:from+len(got)]) {
			t.Fatalf("step %d: other bytes", step)
		}
		n := random.IntN(len(want) + 1)
		r.drop(n)
		want = want[n:]
		if r.len() != len(want) || len(r.b) > most {
			t.Fatalf("step %d: %d bytes of %d in a ring of %d", step, r.len(), len(want), len(r.b))
		}
	}
	r.drop(r.len())
	if r.trim(); r.b != nil {
		t.Error("the memory was kept")
	}
}
