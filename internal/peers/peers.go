// Package peers decides whether a test that needs a foreign program is skipped
// or fails when the program is missing.
package peers

import (
	"os"
	"os/exec"
	"path/filepath"
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

// Newer returns the path of the script that runs the programs which scripts/peers.sh
// unpacked from a newer Debian: Newer PROGRAM ARGUMENT.... A path as the program is
// relative to that Debian's /usr/bin.
func Newer() string { return filepath.Join(Folder("trixie"), "run") }

// Folder returns the path of a release of Debian from which scripts/peers.sh unpacked
// programs and libraries.
func Folder(release string) string {
	if dir := os.Getenv("SEALSOCK_PEERS_DIR"); dir != "" {
		return filepath.Join(dir, release)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = filepath.Join(os.TempDir(), ".cache")
	}
	return filepath.Join(dir, "sealsock", "peers", release)
}
