package authority

import (
	"os"
	"os/exec"
	"testing"
)

// needs leaves a test out where a program it talks to is missing, which is
// said; where the peers are required it fails.
func needs(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("SEALSOCK_PEERS") == "require" {
		t.Fatalf("%s is not installed, and SEALSOCK_PEERS=require", program)
	}
	t.Skipf("left out: %s is not installed", program)
}
