package stream

import (
	"runtime"
	"sync"
	"testing"
)

// TestStateBesideLateCertificate calls State from before the handshake begins until
// after a late certificate. It is for the race detector: one of the calls waits for
// the handshake and must not read then what the late certificate changes.
func TestStateBesideLateCertificate(t *testing.T) {
	for range 20 {
		a, b := sockets(t)
		client, server := wrap(t, a, b)
		var ended sync.WaitGroup
		for _, c := range []*Conn{client, server} {
			started := make(chan struct{})
			ended.Go(func() { c.Handshake(t.Context()) })
			ended.Go(func() {
				for !c.open.Load() {
					if c.handshake.TryLock() {
						c.handshake.Unlock()
						runtime.Gosched()
						continue
					}
					break // the handshake is under way: State waits for it
				}
				close(started)
				if s := c.State(); !s.HandshakeDone {
					t.Error("State returned in the middle of the handshake")
				}
			})
			defer func() { <-started }()
		}
		ended.Go(func() { client.Read(make([]byte, 1)) })
		if err := server.RequestClientCertificate(t.Context()); err != nil {
			t.Fatal(err)
		}
		server.Close()
		ended.Wait()
	}
}
