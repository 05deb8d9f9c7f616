package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func open(t testing.TB, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, second := open(t, path), open(t, path)
	if err := Lock(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if _, err := first.WriteString("held"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "held" {
		t.Errorf("others cannot read what is locked: %q, %v", text, err)
	}
	got := make(chan error, 1)
	go func() { got <- Lock(t.Context(), second) }()
	select {
	case err := <-got:
		t.Fatalf("held twice: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	if err := <-got; err != nil {
		t.Error(err)
	}
	second.Close()
	if err := Lock(t.Context(), second); err == nil {
		t.Error("a closed file was locked")
	}
}

// TestLockGivesUp has a context that is done, with and without a holder.
func TestLockGivesUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, second := open(t, path), open(t, path)
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	if err := Lock(ctx, first); err != nil {
		t.Errorf("a lock that is free: %v", err)
	}
	if err := Lock(ctx, second); !errors.Is(err, ErrHeld) || !errors.Is(err, stopped) {
		t.Errorf("a lock that is held: %v", err)
	}
}

func TestTryLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, second := open(t, path), open(t, path)
	if err := TryLock(first); err != nil {
		t.Fatal(err)
	}
	if err := TryLock(second); !errors.Is(err, ErrHeld) {
		t.Errorf("a lock that is held: %v, want ErrHeld", err)
	}
	if err := Unlock(first); err != nil {
		t.Fatal(err)
	}
	if err := TryLock(second); err != nil {
		t.Errorf("a lock that was released: %v", err)
	}
}

func Example() {
	f, err := os.CreateTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove(f.Name())
	defer f.Close() // releases the lock
	if err := Lock(context.Background(), f); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("no other process writes now")
	// Output: no other process writes now
}
