//go:build !purego && !standardgcm

package gcm

import (
	"crypto/fips140"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"
)

// TestMain runs the tests with each variant that the processor has.
func TestMain(m *testing.M) {
	status := m.Run()
	once := flag.Lookup("test.bench").Value.String() + flag.Lookup("test.fuzz").Value.String()
	if status == 0 && avx512 && once == "" {
		fmt.Println("again, without AVX-512")
		avx512 = false
		status = m.Run()
	}
	os.Exit(status)
}

func TestKeyNeverPrints(t *testing.T) {
	a := &aead{state{wide: 0x5ec4e7}}
	a.rounds[0] = [16]byte{0x5e, 0xc4, 0xe7}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		if got := fmt.Sprintf(verb, a) + fmt.Sprintf(verb, *a); got != "[redacted][redacted]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

// TestSizeOfAKey guards the memory of a connection without long messages: it has two.
func TestSizeOfAKey(t *testing.T) {
	if n := unsafe.Sizeof(aead{}); n > 512 {
		t.Errorf("a key takes %d bytes, more than the allocator's 512", n)
	}
}

// TestTables: with AVX-512 a key has a table from its first message that needs one until it is
// dropped. Several goroutines may have the first message at once.
func TestTables(t *testing.T) {
	if !accelerated {
		t.Skip("this processor has no VAES")
	}
	nonce := make([]byte, nonceSize)
	for _, n := range []int{mostShort, mostShort + 1, 5000} {
		a, ok := newAccelerated(make([]byte, 16)).(*aead)
		if !ok {
			t.Fatal("no key")
		}
		want := a.Seal(nil, nonce, make([]byte, n), nil)
		if long := a.long.Load() != nil; long != (avx512 && n > mostShort) {
			t.Errorf("after %d bytes a key has a table: %v", n, long)
		}
		fresh, ok := newAccelerated(make([]byte, 16)).(*aead)
		if !ok {
			t.Fatal("no key")
		}
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				if _, err := fresh.Open(nil, nonce, want, nil); err != nil {
					t.Errorf("%d bytes: %v", n, err)
				}
			})
		}
		wait.Wait()
		old := a.long.Load()
		drop(a)
		if old != nil && *old != (table{}) {
			t.Error("the table of a key that was dropped is not zero")
		}
	}
}

// TestAccelerated sees to it that the other tests test what they seem to.
func TestAccelerated(t *testing.T) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Logf("cannot tell what this processor has: %v", err)
		return
	}
	settings := os.Getenv("GODEBUG")
	has := func(flags ...string) bool {
		return !slices.ContainsFunc(flags, func(flag string) bool {
			return !strings.Contains(string(info), " "+flag+" ") ||
				strings.Contains(settings, "cpu."+flag+"=off")
		})
	}
	want := !fips140.Enabled() && !strings.Contains(settings, "cpu.all=off") &&
		has("aes", "pclmulqdq", "avx2", "vaes", "vpclmulqdq")
	wide := want && has("bmi2", "avx512f", "avx512vl", "avx512bw", "avx512dq")
	if Accelerated() != want || AVX512() != wide && AVX512() {
		t.Errorf("accelerated: %v, with AVX-512: %v, but by the processor's flags %v and %v",
			Accelerated(), AVX512(), want, wide)
	}
}
