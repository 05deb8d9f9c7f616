package suites

import (
	"crypto/rand"
	"runtime"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/simd"
)

// TestVectorRegistersAreLeftClean: what follows a key exchange on the same thread, SHA-256
// above all, is not slowed down.
func TestVectorRegistersAreLeftClean(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, ok := simd.UpperInUse(); !ok {
		t.Skip("this processor does not tell which registers are in use")
	}
	check := func(what string, err error) {
		t.Helper()
		if used, _ := simd.UpperInUse(); used || err != nil {
			t.Errorf("%s: the upper halves of registers are in use: %v, %v", what, used, err)
		}
		simd.ClearUpper()
	}
	for _, id := range []iana.NamedGroup{iana.MLKEM768, iana.MLKEM1024, iana.X25519MLKEM768} {
		g := GroupByID(id)
		for range 10 {
			private, share, err := g.Generate(rand.Reader)
			check(id.String()+" key", err)
			answer, _, err := g.Encapsulate(rand.Reader, share)
			check(id.String()+" answer", err)
			_, err = g.Decapsulate(private, answer)
			check(id.String()+" secret", err)
		}
	}
}
