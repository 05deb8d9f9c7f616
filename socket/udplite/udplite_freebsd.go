package udplite

// missing is negative where the system has no such sockets.
const missing = 0

// The options' numbers in netinet/udplite.h.
const (
	sendCoverage    = 2
	receiveCoverage = 4
)
