package layers

import (
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// rootFiles are the files of the root folder that are no Go files.
var rootFiles = []string{
	".gitattributes", ".gitignore", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE",
	"Makefile", "README.md", "SECURITY.md", "go.mod", "go.sum",
}

// maxFile is the size of the largest file, in bytes.
const maxFile = 512 << 10

// TestFilesBelong: git tracks no file that a test or a tool has left behind: none in the root folder
// but those of the list, and none that is large.
func TestFilesBelong(t *testing.T) {
	cmd := exec.Command("git", "ls-files", "-z")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if len(names) < 300 {
		t.Fatalf("git lists %d files", len(names))
	}
	for _, name := range names {
		inRoot := !strings.Contains(name, "/")
		if inRoot && path.Ext(name) != ".go" && !slices.Contains(rootFiles, name) {
			t.Errorf("%s does not belong into the root folder", name)
		}
		if info, err := os.Lstat("../../" + name); err == nil && info.Size() > maxFile {
			t.Errorf("%s has %d bytes, at most %d are allowed", name, info.Size(), maxFile)
		}
	}
}
