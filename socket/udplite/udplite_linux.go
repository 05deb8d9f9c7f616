package udplite

// missing is negative where the system has no such sockets.
const missing = 0

// The options' numbers in linux/udp.h.
const (
	sendCoverage    = 10
	receiveCoverage = 11
)
