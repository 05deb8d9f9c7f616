//go:build !purego && !standardhmac

package hmac256

import (
	"crypto/fips140"
	"os"
	"strings"
	"testing"
)

// TestAccelerated sees to it that the other tests test what they seem to.
func TestAccelerated(t *testing.T) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Logf("cannot tell what this processor has: %v", err)
		return
	}
	want := !fips140.Enabled()
	for _, feature := range []string{"ssse3", "sse4_1", "sha_ni"} {
		want = want && strings.Contains(string(info), " "+feature+" ")
	}
	if Accelerated() != want {
		t.Errorf("accelerated: %v, but by the processor's flags %v", Accelerated(), want)
	}
}
