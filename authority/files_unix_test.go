//go:build unix

package authority

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sealsock/sealsock/identity"
)

// issued returns an identity of a new authority.
func issued(t *testing.T) *identity.Identity {
	t.Helper()
	a, err := Create(filepath.Join(t.TempDir(), "ca"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	id, err := a.ForNames("localhost")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestSaveFilesTogether: if one of the two files cannot be written, the old ones stay, which
// belong together, and nothing is left beside them.
func TestSaveFilesTogether(t *testing.T) {
	id := issued(t)
	dir := t.TempDir()
	old := filepath.Join(dir, "old.pem")
	if err := os.WriteFile(old, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(dir, "none", "new.pem")
	for _, pair := range [][2]string{{none, old}, {old, none}, {old, dir}} {
		if SaveFiles(id, pair[0], pair[1]) == nil {
			t.Errorf("%v were written", pair)
		}
		if data, err := os.ReadFile(old); err != nil || string(data) != "old" {
			t.Errorf("%v: the old file has %d bytes, %v", pair, len(data), err)
		}
	}
	fails := func(*os.File, os.FileInfo) error { return os.ErrPermission }
	if s, err := stage(old, []byte("new"), fails); s != nil || err == nil {
		t.Errorf("a file was staged: %v", err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("beside the old file there are others: %v, %v", names, err)
	}
}

// TestSaveFilesKeepsModeAndOwner replaces files that another program reads: their mode and
// owner must stay, and a symbolic link must stay one.
func TestSaveFilesKeepsModeAndOwner(t *testing.T) {
	id := issued(t)
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

// TestSaveFilesKeepsPipes: no file takes the place of a pipe or a device, such as /dev/stdout.
func TestSaveFilesKeepsPipes(t *testing.T) {
	id := issued(t)
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{{pipe, ""}, {pipe, filepath.Join(dir, "key")}} {
		err := SaveFiles(id, pair[0], pair[1])
		if !errors.Is(err, errNotRegular) {
			t.Errorf("%v: %v, want %v", pair, err, errNotRegular)
		}
		if info, err := os.Lstat(pipe); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
			t.Fatalf("a file has taken the place of the pipe: %v, %v", info, err)
		}
	}
}
