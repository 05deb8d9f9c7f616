//go:build race

package engine

// With the race detector a sync.Pool drops things at random.
const racing = true
