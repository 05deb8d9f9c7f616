package trust

import (
	"os/exec"
	"testing"

	"github.com/sealsock/sealsock/internal/peers"
)

func openssl(t testing.TB, args ...string) string {
	t.Helper()
	peers.Need(t, "openssl")
	out, err := exec.Command("openssl", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
	return string(out)
}
