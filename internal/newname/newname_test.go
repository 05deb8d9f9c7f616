package newname

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// ways are those of Move, each alone. Without hard links the next one is tried.
var ways = map[string][]way{
	"all":              {link, renameNew, renameOver},
	"an exclusive one": {unsupported, renameNew, renameOver},
	"an empty file":    {unsupported, unsupported, renameOver},
}

func unsupported(*os.Root, string, string) error { return errors.ErrUnsupported }

func newRoot(t *testing.T) *os.Root {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	if err := errors.Join(root.Mkdir("a", 0o700), root.Mkdir("b", 0o700),
		root.WriteFile(filepath.Join("a", "part"), []byte("new"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return root
}

// TestMove: a file has the new name alone, with any of the ways.
func TestMove(t *testing.T) {
	from, to := filepath.Join("a", "part"), filepath.Join("b", "name")
	for name, list := range ways {
		root := newRoot(t)
		if err := move(root, from, to, list...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := root.ReadFile(to); err != nil || string(got) != "new" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if _, err := root.Lstat(from); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the old name: %v", name, err)
		}
	}
}

// TestMoveReplacesNothing: whatever has the name keeps it, and the file its old one.
func TestMoveReplacesNothing(t *testing.T) {
	from, to := filepath.Join("a", "part"), filepath.Join("b", "name")
	for kind, make := range map[string]func(*os.Root) error{
		"a file":   func(r *os.Root) error { return r.WriteFile(to, []byte("old"), 0o600) },
		"a folder": func(r *os.Root) error { return r.Mkdir(to, 0o700) },
		"a link to nothing": func(r *os.Root) error {
			if err := r.Symlink("nowhere", to); err != nil { // this user of Windows may make none
				return r.Mkdir(to, 0o700)
			}
			return nil
		},
	} {
		for name, list := range ways {
			root := newRoot(t)
			if err := make(root); err != nil {
				t.Fatal(err)
			}
			before, err := root.Lstat(to)
			if err != nil {
				t.Fatal(err)
			}
			if err := move(root, from, to, list...); !errors.Is(err, fs.ErrExist) {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
			after, err := root.Lstat(to)
			if err != nil || !os.SameFile(before, after) || after.Mode() != before.Mode() {
				t.Errorf("%s, %s: it is another one: %v", name, kind, err)
			}
			if got, err := root.ReadFile(from); err != nil || string(got) != "new" {
				t.Errorf("%s, %s: the file has %q, %v", name, kind, got, err)
			}
		}
	}
}

// TestMoveFails: no empty file is left if the file cannot be renamed.
func TestMoveFails(t *testing.T) {
	to := filepath.Join("b", "name")
	for name, list := range ways {
		root := newRoot(t)
		if err := move(root, "none", to, list...); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := root.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: something is left: %v", name, err)
		}
	}
	if err := Move(newRoot(t), "none", to); err == nil {
		t.Error("a file that is not there was moved")
	}
}
