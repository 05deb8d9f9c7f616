package tunnel

import (
	"io"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
)

// maxAttempted bounds the 0-RTT attempts that a tunnel of one process remembers at a time.
const maxAttempted = 1 << 16

// takeEarly returns the 0-RTT data of a client whose handshake is done, or nil. A peer that
// replays the first flight of another does not get there: RFC 9846, Section 8. The data is at most
// TLS.MaxEarlyData.
func takeEarly(conn *sealsock.Conn) ([]byte, error) {
	if !conn.State().EarlyData {
		return nil, nil
	}
	return io.ReadAll(earlyReader{conn})
}

type earlyReader struct{ conn *sealsock.Conn }

// Read implements io.Reader.
func (r earlyReader) Read(p []byte) (int, error) { return r.conn.ReadEarly(p) }

// countedAttempts counts what a memory decides about 0-RTT attempts.
type countedAttempts struct {
	engine.AntiReplay
	stats *tunnelStats
}

// Fresh implements engine.AntiReplay. Without a memory no attempt is fresh.
func (c *countedAttempts) Fresh(id []byte, until time.Time) bool {
	fresh := c.AntiReplay != nil && c.AntiReplay.Fresh(id, until)
	if fresh {
		c.stats.early.Add(1)
	} else {
		c.stats.earlyRefused.Add(1)
	}
	return fresh
}
