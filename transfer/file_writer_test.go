package transfer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestCreateFile: a file has its name when it is complete, replaces none, and leaves nothing if
// it is not completed.
func TestCreateFile(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"../x", "a/b", "", ".seal-partial-0"} {
		if _, err := CreateFile(t.Context(), dir, name, 1); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for i, want := range []string{"a.txt", "a-2.txt", "a-3.txt"} {
		w, err := CreateFile(t.Context(), dir, "a.txt", 2)
		if err != nil {
			t.Fatal(err)
		}
		beside, err := CreateFile(t.Context(), dir, "a.txt", 2)
		if err != nil || beside.Name() == w.Name() {
			t.Fatalf("two writers of %s: %v", w.Name(), err)
		}
		if err := beside.Close(); err != nil {
			t.Error(err)
		}
		w.Write([]byte{byte(i)})
		if _, err := os.Stat(filepath.Join(dir, want)); err == nil {
			t.Error("an unfinished file has its name")
		}
		if err := w.Commit(); err == nil {
			t.Error("a short file was committed")
		}
		w.Close()
		if w, err = CreateFile(t.Context(), dir, "a.txt", 2); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte{byte(i), 1, 2}); err == nil {
			t.Error("a long file was written")
		}
		if _, err := w.Write([]byte{byte(i), 1}); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err != nil || w.Name() != want {
			t.Errorf("%s: %v", w.Name(), err)
		}
		w.Close()
		if b, err := os.ReadFile(filepath.Join(dir, want)); err != nil || b[0] != byte(i) {
			t.Errorf("%s: %v, %v", want, b, err)
		}
	}
	if all, _ := os.ReadDir(dir); len(all) != 3 {
		t.Errorf("%d names are left", len(all))
	}
}
