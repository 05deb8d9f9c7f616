package layers

import (
	"os/exec"
	"testing"
)

// Each requirement names code and a test that exist. A change of any package may
// break that, and this package is tested with every change.
func TestRequirementsNameWhatExists(t *testing.T) {
	cmd := exec.Command("go", "run", "./test/mutants", "-check")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
