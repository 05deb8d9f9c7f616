//go:build race

package loop_test

// mostAllocated bounds what an echo of 64 KiB allocates, in bytes. With the race detector a
// sync.Pool drops things at random.
const mostAllocated = 1 << 20
