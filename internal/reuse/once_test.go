package reuse_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sealsock/sealsock/internal/reuse"
)

// TestOnce: however many goroutines use the value first, it is made once.
func TestOnce(t *testing.T) {
	var o reuse.Once[int]
	var made atomic.Int32
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() {
			if v := o.Get(func() *int { made.Add(1); return new(7) }); *v != 7 {
				t.Errorf("the value is %d", *v)
			}
		})
	}
	users.Wait()
	if made.Load() != 1 {
		t.Errorf("the value was made %d times", made.Load())
	}
}
