// Package fipstest leaves out tests in FIPS 140 mode (GODEBUG=fips140=on), in which the standard
// library is another one: its signatures take no nonces from a program, and crypto/tls leaves out
// what is not approved, whatever it is configured with.
package fipstest

import (
	"crypto/fips140"
	"testing"
)

// Skip skips a test in FIPS 140 mode. why is what the test needs, and is not there.
func Skip(t testing.TB, why string) {
	t.Helper()
	if fips140.Enabled() {
		t.Skip("in FIPS 140 mode: " + why)
	}
}
