package address_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
)

// TestUnlinkedScheme parses a scheme in a program without package all. The error names it.
func TestUnlinkedScheme(t *testing.T) {
	if sockettest.InVM() {
		t.Skip("the machine has no go command; the test runs outside of it")
	}
	out, err := exec.Command("go", "run", "./testdata/unlinked", "vsock://host:1").CombinedOutput()
	const want = `import _ "github.com/sealsock/sealsock/address/all"`
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("%v: %s, want %s", err, out, want)
	}
}
