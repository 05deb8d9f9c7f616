// Package peers decides whether a test that needs a foreign program is skipped
// or fails when the program is missing.
package peers

import (
	"os"
	"os/exec"
	"testing"
)

// Need skips the test, with a message, if a program that it needs is missing.
// If SEALSOCK_PEERS is "require", as in CI, the test fails instead.
func Need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("SEALSOCK_PEERS") == "require" {
		t.Fatalf("%s is not installed, and SEALSOCK_PEERS=require: make peers installs it", program)
	}
	t.Skipf("left out: %s is not installed", program)
}
