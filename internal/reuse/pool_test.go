package reuse_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/sealsock/sealsock/internal/reuse"
)

// A cursor is what a function value is called with.
type cursor struct{ rest []byte }

func Example() {
	var cursors reuse.Pool[cursor]
	length := func(c *cursor) int { return len(c.rest) }

	c := cursors.Get()
	c.rest = []byte("three")
	fmt.Println(length(c))
	cursors.Put(c)
	// Output: 5
}

// TestNothingIsPassedOn: what goes back is zero, also for one who has kept it.
func TestNothingIsPassedOn(t *testing.T) {
	var pool reuse.Pool[cursor]
	pool.Put(nil)
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for range 200 {
				c := pool.Get()
				if c.rest != nil {
					t.Error("a value holds what another user has left")
				}
				c.rest = []byte("secret")
				pool.Put(c)
			}
		})
	}
	users.Wait()
	c := pool.Get()
	c.rest = []byte("secret")
	pool.Put(c)
	if c.rest != nil {
		t.Error("what went back is not zero")
	}
}
