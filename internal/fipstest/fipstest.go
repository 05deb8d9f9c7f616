// Package fipstest leaves out tests in FIPS 140 mode (GODEBUG=fips140=on), in which the standard
// library is another one: its signatures take no nonces from a program, and crypto/tls leaves out
// what is not approved, whatever it is configured with.
package fipstest

import (
	"crypto/fips140"
	"flag"
	"fmt"
	"os"
	"testing"
)

// Skip skips a test in FIPS 140 mode. why is what the test needs, and is not there.
func Skip(t testing.TB, why string) {
	t.Helper()
	if fips140.Enabled() {
		t.Skip("in FIPS 140 mode: " + why)
	}
}

// LeaveOut leaves out examples in FIPS 140 mode, which cannot skip themselves: those that match the
// pattern, as with the flag -skip. TestMain calls it.
func LeaveOut(pattern, why string) {
	if !fips140.Enabled() {
		return
	}
	flag.Parse()
	skip := flag.Lookup("test.skip")
	if given := skip.Value.String(); given != "" {
		pattern = given + "|" + pattern
	}
	if err := skip.Value.Set(pattern); err != nil {
		panic(err)
	}
	fmt.Fprintf(os.Stderr, "in FIPS 140 mode without %s: %s\n", pattern, why)
}
