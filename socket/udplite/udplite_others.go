//go:build !linux && !freebsd

package udplite

// missing is negative where the system has no such sockets.
const missing = -1

const (
	sendCoverage    = 0
	receiveCoverage = 0
)
