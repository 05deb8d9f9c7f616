package transfer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A waitingFiles is a store of small files, with what happens to them in its order.
type waitingFiles struct {
	*store
	t   *testing.T
	dir string

	mu     sync.Mutex
	events []string
}

func newWaitingFiles(t *testing.T, files int, size int64) *waitingFiles {
	t.Helper()
	l := new(list)
	for i := range files {
		if err := l.add(entry{kind: entryFile, size: size, name: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	w := &waitingFiles{t: t, dir: t.TempDir()}
	s, err := openStore(t.Context(), w.dir, l)
	if err == nil {
		err = s.prepare(false)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	w.store, s.patience = s, time.Hour
	s.sync = func(f *os.File) error {
		w.note("sync " + filepath.Base(f.Name()))
		return f.Sync()
	}
	s.stored = func(name string) { w.note("name " + name) }
	return w
}

func (w *waitingFiles) note(event string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, event)
}

// receive receives a file.
func (w *waitingFiles) receive(i int) error {
	w.t.Helper()
	f, err := w.begin(i, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := f.write(make([]byte, w.list.entries[i].size)); err != nil {
		w.t.Fatal(err)
	}
	return f.end(f.sum.Sum(nil))
}

func (w *waitingFiles) hasName(i int) bool {
	_, err := os.Lstat(filepath.Join(w.dir, fmt.Sprint(i)))
	return err == nil
}

// TestDiskBeforeName: a file has its name after its content is on the disk, and a transfer is
// complete after that.
func TestDiskBeforeName(t *testing.T) {
	const files = 3
	w := newWaitingFiles(t, files, 10)
	for i := range files {
		if err := w.receive(i); err != nil {
			t.Fatal(err)
		}
	}
	if w.hasName(0) {
		t.Error("a small file did not wait for others")
	}
	if err := w.finish(); err != nil {
		t.Fatal(err)
	}
	synced := w.events[:files]
	slices.Sort(synced)
	want := []string{"sync 0", "sync 1", "sync 2", "name 0", "name 1", "name 2"}
	if !slices.Equal(w.events, want) {
		t.Errorf("%q happened, not %q", w.events, want)
	}
	for i := range files {
		if !w.hasName(i) {
			t.Errorf("file %d has no name", i)
		}
	}
}

// TestDiskFails: what cannot be written to the disk does not get its name, and the transfer fails.
func TestDiskFails(t *testing.T) {
	w := newWaitingFiles(t, 2, 10)
	w.sync = func(f *os.File) error {
		if filepath.Base(f.Name()) == "1" {
			return syscall.ENOSPC
		}
		return nil
	}
	for i := range 2 {
		if err := w.receive(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.finish(); !errors.Is(err, ErrSpace) {
		t.Errorf("a full disk is %v", err)
	}
	if w.hasName(0) || w.hasName(1) {
		t.Error("a file whose content is not on the disk has its name")
	}
	w.close()
	again, err := openStore(t.Context(), w.dir, w.list)
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	if _, ok := again.haves[1]; ok || again.haves[0].length != 10 {
		t.Errorf("another attempt has %v", again.haves)
	}
}

// TestWaitingIsBounded: few files wait, and few bytes.
func TestWaitingIsBounded(t *testing.T) {
	for _, test := range []struct {
		name  string
		size  int64
		until int
	}{
		{"files", 1, maxWaiting},
		{"bytes", maxWaitingBytes / 2, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWaitingFiles(t, test.until, test.size)
			for i := range test.until {
				if len(w.pending) > i {
					t.Fatalf("%d files wait", len(w.pending))
				}
				if err := w.receive(i); err != nil {
					t.Fatal(err)
				}
			}
			if len(w.pending) > 0 || !w.hasName(test.until-1) {
				t.Errorf("%d files wait", len(w.pending))
			}
		})
	}
}

// TestWaitingTime: a file does not wait for others on a slow connection.
func TestWaitingTime(t *testing.T) {
	w := newWaitingFiles(t, 2, 10)
	w.patience = 0
	if err := w.receive(0); err != nil {
		t.Fatal(err)
	}
	if !w.hasName(0) {
		t.Error("the file waits")
	}
}

// TestCloseStores: an attempt that ends early gives what is complete its name.
func TestCloseStores(t *testing.T) {
	w := newWaitingFiles(t, 2, 10)
	if err := w.receive(0); err != nil {
		t.Fatal(err)
	}
	w.close()
	if !w.hasName(0) || w.hasName(1) {
		t.Error("the complete file has no name, or the other one has")
	}
}

// BenchmarkSmallFiles stores files of 1 KiB.
func BenchmarkSmallFiles(b *testing.B) {
	for _, most := range []string{"each", "together"} {
		b.Run(most, func(b *testing.B) {
			l := new(list)
			for i := range b.N {
				if err := l.add(entry{kind: entryFile, size: 1 << 10, name: fmt.Sprint(i)}); err != nil {
					b.Fatal(err)
				}
			}
			s, err := openStore(b.Context(), b.TempDir(), l)
			if err == nil {
				err = s.prepare(false)
			}
			if err != nil {
				b.Fatal(err)
			}
			defer s.close()
			data := make([]byte, 1<<10)
			for i := range b.N {
				f, err := s.begin(i, 0)
				if err == nil {
					err = f.write(data)
				}
				if err == nil {
					err = f.end(f.sum.Sum(nil))
				}
				if err == nil && most == "each" {
					err = s.flush()
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
