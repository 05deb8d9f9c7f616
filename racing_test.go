//go:build race

package sealsock_test

// With the race detector a sync.Pool drops things at random.
const racing = true
