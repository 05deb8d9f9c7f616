//go:build !race

package loop_test

// mostAllocated bounds what an echo of 64 KiB allocates, in bytes, of both ends: no buffer.
const mostAllocated = 4000
