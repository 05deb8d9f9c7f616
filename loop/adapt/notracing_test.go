//go:build !race

package adapt_test

// mostAllocated bounds what an echo of 64 KiB allocates, in bytes: no buffer, but for those of a
// processor that the test has not run on before.
const mostAllocated = 8000
