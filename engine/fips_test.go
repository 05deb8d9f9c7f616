package engine

import (
	"crypto/fips140"
	"testing"
)

// notInFIPSMode skips a test that compares with crypto/tls in FIPS 140 mode
// (GODEBUG=fips140=on), in which that offers and accepts less than it is configured with.
func notInFIPSMode(t testing.TB) {
	t.Helper()
	if fips140.Enabled() {
		t.Skip("in FIPS 140 mode crypto/tls leaves out X25519 and ChaCha20-Poly1305, which are compared")
	}
}
