//go:build unix

package authority

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestSaveFilesKeepsModeAndOwner replaces files that another program reads: their mode and
// owner must stay, and a symbolic link must stay one.
func TestSaveFilesKeepsModeAndOwner(t *testing.T) {
	a, err := Create(filepath.Join(t.TempDir(), "ca"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	id, err := a.ForNames("localhost")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "live", "cert.pem"), filepath.Join(dir, "key.pem")
	link := filepath.Join(dir, "link.pem")
	if err := os.Mkdir(filepath.Join(dir, "live"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{cert: 0o644, key: 0o640} {
		if err := os.WriteFile(name, []byte("old"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	const other = 54321
	root := os.Geteuid() == 0
	if root {
		if err := os.Chown(key, other, other); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(cert, link); err != nil {
		t.Fatal(err)
	}
	if err := SaveFiles(id, link, key); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{cert: 0o644, key: 0o640} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != mode || info.Size() < 100 {
			t.Errorf("%s: %v %v, want mode %v", name, info.Mode(), err, mode)
		}
		if stat := info.Sys().(*syscall.Stat_t); root && name == key && stat.Uid != other {
			t.Errorf("%s belongs to user %d", name, stat.Uid)
		}
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info.Mode(), err)
	}
}
