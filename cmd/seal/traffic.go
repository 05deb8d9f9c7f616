package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// traffic counts the bytes of a connection.
type traffic struct {
	since          time.Time
	received, sent atomic.Int64
	active         atomic.Int64 // when the last byte was read or written, in nanoseconds after since
	idled          atomic.Bool  // --idle ended it
}

func newTraffic() *traffic { return &traffic{since: time.Now()} }

func (t *traffic) count(of *atomic.Int64, n int) {
	if n > 0 {
		of.Add(int64(n))
		t.active.Store(int64(time.Since(t.since)))
	}
}

// quiet is how long the connection has carried no data.
func (t *traffic) quiet() time.Duration {
	return time.Since(t.since) - time.Duration(t.active.Load())
}

// watchIdle calls end once the connection has carried no data for the time limit, unless
// stop is called before.
func (t *traffic) watchIdle(limit time.Duration, end func()) (stop func()) {
	if limit <= 0 {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		for rest := limit; rest > 0; rest = limit - t.quiet() {
			select {
			case <-time.After(rest):
			case <-done:
				return
			}
		}
		t.idled.Store(true)
		end()
	}()
	return func() { close(done) }
}

// idleError is the reason for the end of a connection that --idle ended.
func idleError(limit time.Duration) error {
	return &problem{text: fmt.Sprintf("it carried no data for %v (--idle)", limit), code: "idle"}
}

// A measuredConn counts what a connection carries.
type measuredConn struct {
	tlsConn
	traffic *traffic
}

// Read implements net.Conn.
func (m measuredConn) Read(p []byte) (int, error) {
	n, err := m.tlsConn.Read(p)
	m.traffic.count(&m.traffic.received, n)
	return n, err
}

// Write implements net.Conn.
func (m measuredConn) Write(p []byte) (int, error) {
	n, err := m.tlsConn.Write(p)
	m.traffic.count(&m.traffic.sent, n)
	return n, err
}

// drain reads and discards what comes, up to a bound.
func drain(r io.Reader, most int64) { io.CopyN(io.Discard, r, most) }
