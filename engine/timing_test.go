//go:build timing

package engine

import (
	"crypto"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// The comparisons of secrets take the same time wherever the difference is: a
// statistical test in the style of dudect (Reparaz, Balasch, Verbauwhede, 2017).
// Two classes of input, one wrong in its first byte and one in its last, are
// measured in random order; Welch's t between them must stay small. It proves
// nothing, but a comparison that stops at the first difference does not pass.
//
//	make timing

const (
	timingSamples = 60_000
	timingInner   = 8  // calls in one sample, against the clock's grain
	timingBound   = 10 // of |t|; an early exit shows in the hundreds
)

// leak measures f with both classes and returns Welch's t over the samples that
// were not interrupted.
func leak(f func(class int)) float64 {
	var times [2][]float64
	for range timingSamples {
		class := rand.IntN(2)
		start := time.Now()
		for range timingInner {
			f(class)
		}
		times[class] = append(times[class], float64(time.Since(start)))
	}
	all := slices.Concat(times[0], times[1])
	slices.Sort(all)
	cut := all[len(all)*9/10]
	var mean, variance, n [2]float64
	for class, list := range times {
		var sum, squares float64
		for _, v := range list {
			if v <= cut {
				sum, squares, n[class] = sum+v, squares+v*v, n[class]+1
			}
		}
		mean[class] = sum / n[class]
		variance[class] = squares/n[class] - mean[class]*mean[class]
	}
	return (mean[0] - mean[1]) / math.Sqrt(variance[0]/n[0]+variance[1]/n[1])
}

func checkTiming(t *testing.T, f func(class int)) {
	t.Helper()
	f(0)
	f(1)
	var seen []float64
	for range 3 { // a busy machine may disturb one
		got := leak(f)
		seen = append(seen, got)
		if math.Abs(got) < timingBound {
			t.Logf("t = %.1f", got)
			return
		}
	}
	t.Errorf("t is %.1f: the time depends on where the difference is", seen)
}

// wrong returns two copies of mac, one wrong in its first byte, one in its last.
func wrong(mac []byte) [2][]byte {
	first, last := slices.Clone(mac), slices.Clone(mac)
	first[0] ^= 1
	last[len(last)-1] ^= 1
	return [2][]byte{first, last}
}

func TestTimingFinished(t *testing.T) {
	f := &flow13{cfg: new(Config), info: new(State), suite: suites.TLS13(iana.TLS_AES_256_GCM_SHA384)}
	f.transcript.choose(crypto.SHA384)
	secret := keys.NewEarlySecret(crypto.SHA384, nil).Handshake(make([]byte, 32)).ClientTraffic(f.transcript.sum())
	macs := wrong(secret.Finished(f.transcript.sum()))
	var messages [2]message
	for i, mac := range macs {
		raw, err := (&wire.Finished{VerifyData: mac}).AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		messages[i] = newMessage(raw)
	}
	checkTiming(t, func(class int) {
		if f.checkFinished(messages[class], secret) == nil {
			t.Fatal("a wrong Finished passes")
		}
	})
}

func TestTimingBinder(t *testing.T) {
	psk := NewPSK([]byte("timing"), make([]byte, 32))
	o, err := newOffer(&Config{PSKs: []*PSK{psk}})
	if err != nil {
		t.Fatal(err)
	}
	o.offerPSKs()
	if err := o.write(nil); err != nil {
		t.Fatal(err)
	}
	var hellos [2]*wire.ClientHello
	var messages [2]message
	for i, mac := range wrong(o.hello.PSK.Binders[0]) {
		raw := slices.Clone(o.raw)
		if err := wire.PatchBinders(raw, [][]byte{mac}); err != nil {
			t.Fatal(err)
		}
		messages[i] = newMessage(raw)
		if hellos[i], err = wire.ParseClientHello(messages[i].body); err != nil {
			t.Fatal(err)
		}
	}
	f := &flow13{cfg: new(Config), info: new(State), suite: suites.TLS13(iana.TLS_AES_128_GCM_SHA256)}
	f.transcript.choose(crypto.SHA256)
	checkTiming(t, func(class int) {
		if f.checkBinder(hellos[class], messages[class], psk.preshared(), 0) == nil {
			t.Fatal("a wrong binder passes")
		}
	})
}

// The test itself can fail: a comparison that stops early does not pass it.
func TestTimingFindsALeak(t *testing.T) {
	mac := make([]byte, 4096)
	macs := wrong(mac)
	got := leak(func(class int) {
		for i, b := range macs[class] {
			if b != mac[i] {
				return
			}
		}
	})
	if math.Abs(got) < timingBound {
		t.Errorf("t is %.1f for a comparison that stops early", got)
	}
}
