package address_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestUnlinkedScheme parses a scheme in a program without package all. The error names it.
func TestUnlinkedScheme(t *testing.T) {
	out, err := exec.Command("go", "run", "./testdata/unlinked", "vsock://host:1").CombinedOutput()
	const want = `import _ "github.com/sealsock/sealsock/address/all"`
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("%v: %s, want %s", err, out, want)
	}
}
