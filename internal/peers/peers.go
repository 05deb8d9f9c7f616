// Package peers says what happens to a test when a program that others made, and
// that it talks to, is missing.
package peers

import (
	"os"
	"os/exec"
	"testing"
)

// Need leaves a test out where a program it talks to is missing, which is said;
// with SEALSOCK_PEERS=require, as CI sets it, it fails.
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
