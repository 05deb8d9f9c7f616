package engine

import (
	"bytes"
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/wire"
)

// These tests measure whether the comparison of a secret takes the same time wherever the
// difference is, in the style of dudect (Reparaz, Balasch, Verbauwhede, 2017). Two classes
// of input, one wrong in its first byte and one in its last, are tried in random order, and
// Welch's t between their times must stay below a bound that was decided beforehand.
//
// Each test measures a control in the same loop: the same call, followed by a comparison
// that stops at the first difference. If the control is not found to leak, the machine is
// too busy or its clock too coarse, and the test fails because it cannot measure. There is
// one measurement and no second try.
//
// A pass shows that in this build on this CPU a leak as large as that of a plain loop over
// the same bytes is not there. It does not prove that there is none:
// TestSecretsCompareInConstantTime looks at the code instead.
//
//	make timing
var timing = flag.Bool("timing", false, "run the statistical tests of timing (make timing)")

const (
	timingSamples = 2_000_000       // of the four kinds together, or fewer at the deadline
	timingTime    = 8 * time.Second // for each test
	timingInner   = 16              // calls in one sample, against the clock's grain
	timingKept    = 0.5             // the share of samples that count; interrupted ones are slower
	timingBound   = 4.5             // of |t|, dudect's
	timingControl = 10              // of |t|, which the control must reach
)

// A stopwatch holds the times of two classes.
type stopwatch [2][]float64

// welch returns Welch's t over the fastest samples of both classes.
func (s *stopwatch) welch() float64 {
	all := slices.Concat(s[0], s[1])
	slices.Sort(all)
	cut := all[int(float64(len(all)-1)*timingKept)]
	var mean, spread [2]float64
	for class, list := range s {
		var sum, squares, n float64
		for _, v := range list {
			if v <= cut {
				sum, squares, n = sum+v, squares+v*v, n+1
			}
		}
		mean[class] = sum / n
		spread[class] = (squares/n - mean[class]*mean[class]) / n
	}
	return (mean[0] - mean[1]) / math.Sqrt(spread[0]+spread[1])
}

// leaky is how secrets must not be compared.
func leaky(a, b []byte) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// checkTiming measures check, which refuses what place holds. right is what it
// would accept. Both classes are written to the same place, so that the addresses are equal.
func checkTiming(t *testing.T, right, place []byte, check func() bool) {
	t.Helper()
	first, last := slices.Clone(right), slices.Clone(right)
	first[0] ^= 1
	last[len(last)-1] ^= 1
	classes := [2][]byte{first, last}
	var subject, control stopwatch
	accepted := false
	deadline := time.Now().Add(timingTime)
	n := 0
	for ; n < timingSamples && time.Now().Before(deadline); n++ {
		kind := rand.IntN(4)
		class, controls := kind&1, kind&2 != 0
		copy(place, classes[class])
		start := time.Now()
		for range timingInner {
			accepted = check() || accepted
			if controls {
				accepted = leaky(right, place) || accepted
			}
		}
		took := float64(time.Since(start))
		if controls {
			control[class] = append(control[class], took)
		} else {
			subject[class] = append(subject[class], took)
		}
	}
	if accepted {
		t.Fatal("a wrong value is accepted")
	}
	got, proof := subject.welch(), control.welch()
	t.Logf("t = %.1f, of the control %.1f, in %d samples of %d calls", got, proof, n, timingInner)
	if !(math.Abs(proof) >= timingControl) {
		t.Fatalf("cannot measure here: t is %.1f for a comparison that leaks, and %d is needed",
			proof, timingControl)
	}
	if !(math.Abs(got) < timingBound) {
		t.Errorf("t = %.1f, over %.1f: the time depends on where the difference is", got, timingBound)
	}
}

// needsTiming skips a statistical test where it was not asked for: another program on
// the machine could make it fail.
func needsTiming(t *testing.T) {
	t.Helper()
	if !*timing {
		t.Skip("the flag -timing runs it (make timing)")
	}
}

// All Finished messages are compared by checkVerifyData.
func TestTimingFinished(t *testing.T) {
	needsTiming(t)
	mac := bytes.Repeat([]byte{0x5a}, 48)
	raw, err := (&wire.Finished{VerifyData: mac}).AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	m := newMessage(raw)
	checkTiming(t, mac, m.body, func() bool { return checkVerifyData(m, mac) == nil })
}

// Binders and confirmations of ECH are compared by keys.Equal. It is measured alone: in
// the noise of the HMAC before it no leak of this size could be found.
func TestTimingEqual(t *testing.T) {
	needsTiming(t)
	mac, place := bytes.Repeat([]byte{0x5a}, 32), make([]byte, 32)
	checkTiming(t, mac, place, func() bool { return keys.Equal(mac, place) })
}
