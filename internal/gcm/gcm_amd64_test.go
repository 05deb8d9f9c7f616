//go:build !purego && !standardgcm

package gcm

import (
	"crypto/fips140"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"
)

func TestKeyNeverPrints(t *testing.T) {
	a := &aead{state{wide: 0x5ec4e7}}
	a.rounds[0] = [16]byte{0x5e, 0xc4, 0xe7}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		if got := fmt.Sprintf(verb, a) + fmt.Sprintf(verb, *a); got != "[redacted][redacted]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

// TestSizeOfAKey guards the memory of an idle connection, which has two.
func TestSizeOfAKey(t *testing.T) {
	if n := unsafe.Sizeof(aead{}); n > 512 {
		t.Errorf("a key takes %d bytes, more than the allocator's 512", n)
	}
}

// TestAccelerated sees to it that the other tests test what they seem to.
func TestAccelerated(t *testing.T) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Logf("cannot tell what this processor has: %v", err)
		return
	}
	want := !fips140.Enabled() && !strings.Contains(os.Getenv("GODEBUG"), "cpu.")
	for _, flag := range []string{"aes", "pclmulqdq", "bmi2", "avx512f", "avx512vl", "avx512bw", "avx512dq", "vaes", "vpclmulqdq"} {
		want = want && strings.Contains(string(info), " "+flag+" ")
	}
	if Accelerated() != want {
		t.Errorf("accelerated: %v, but by the processor's flags %v", Accelerated(), want)
	}
}
