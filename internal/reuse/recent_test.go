package reuse_test

import (
	"sync"
	"testing"

	"github.com/sealsock/sealsock/internal/reuse"
)

// TestRecent: the third use of a key makes its value, and each use after it finds it.
func TestRecent(t *testing.T) {
	var r reuse.Recent[string, int]
	for n := 1; n <= 5; n++ {
		got := r.Get(7, "key")
		if (got != nil) != (n > 3) {
			t.Fatalf("use %d finds %v", n, got)
		}
		worth := r.Used(7, "key")
		if worth != (n == 3) {
			t.Fatalf("use %d: the value is worth making: %v", n, worth)
		}
		if worth {
			r.Put(7, "key", new(5))
		}
	}
	if got := r.Get(7, "key"); got == nil || *got != 5 {
		t.Errorf("the value is %v", got)
	}
	if r.Get(7, "other") != nil || r.Get(8, "key") != nil {
		t.Error("another key, or another place, has the value")
	}
}

// TestRecentYields: a key that is not used any more gives its place away, and one in use
// keeps it.
func TestRecentYields(t *testing.T) {
	var r reuse.Recent[string, int]
	use := func(key string) {
		if r.Used(0, key) {
			r.Put(0, key, new(1))
		}
	}
	for range 100 {
		use("old")
	}
	for range 20 {
		use("old")
		use("new")
	}
	if r.Get(0, "old") == nil {
		t.Error("a key in use lost its place")
	}
	for range 12 {
		use("new")
	}
	if r.Get(0, "new") == nil || r.Get(0, "old") != nil {
		t.Error("a key that is not used any more keeps its place")
	}
	r.Put(0, "old", new(2))
	if got := r.Get(0, "new"); r.Get(0, "old") != nil || got == nil || *got != 1 {
		t.Error("Put gives a key a place that is another's")
	}
}

// TestRecentConcurrently: many users find a key's own value or none.
func TestRecentConcurrently(t *testing.T) {
	var r reuse.Recent[int, int]
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() {
			for i := range 20_000 {
				key := i / 100 % 7
				if v := r.Get(uint32(key), key); v != nil && *v != key {
					t.Errorf("key %d has the value of %d", key, *v)
					return
				}
				if r.Used(uint32(key%3), key) {
					r.Put(uint32(key%3), key, &key)
				}
			}
		})
	}
	users.Wait()
}
