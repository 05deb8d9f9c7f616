package datagram

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// A countingPath counts what is sent, but for what is in a batch.
type countingPath struct {
	fakePath
	sent atomic.Int32
}

func (p *countingPath) send([]byte) error {
	p.sent.Add(1)
	return nil
}

func (p *countingPath) sendBatch(_ []byte, sizes []int) (int, error) { return len(sizes), nil }

// TestKeyUpdateGoesAtOnce: a KeyUpdate that sending has asked for does not wait until the
// connection is looked at because it may be quiet: a fast sender would exhaust the key.
func TestKeyUpdateGoesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := enginesOf(t, iana.TLS13, func(o *engine.Options) { o.MaxRecordsPerKey = 10 })
		path := new(countingPath)
		c := newConn(path, new(atomic.Int64))
		c.engine = client
		c.in.opened()
		c.mu.Lock()
		c.armed = true
		c.use()
		c.mu.Unlock()
		defer c.cut()
		messages := make([][]byte, 20)
		for i := range messages {
			messages[i] = []byte("message")
		}
		if n, err := c.WriteBatch(messages); n != len(messages) || err != nil {
			t.Fatalf("%d messages, %v", n, err)
		}
		time.Sleep(quietTime / 2)
		synctest.Wait()
		if path.sent.Load() == 0 {
			t.Fatalf("no KeyUpdate within %v", quietTime/2)
		}
	})
}

// A fullSocket has no room for the first datagrams.
type fullSocket struct {
	net.PacketConn
	late, tries int
}

func (s *fullSocket) SetWriteDeadline(time.Time) error { return nil }

func (s *fullSocket) WriteTo(b []byte, _ net.Addr) (int, error) {
	if s.tries++; s.tries <= s.late {
		return 0, os.ErrDeadlineExceeded
	}
	return len(b), nil
}

// TestSendTriesAfterDeadline: if the deadline of a datagram passes before the program was run, or
// just when there is room, the datagram is sent nevertheless; and not tried without an end.
func TestSendTriesAfterDeadline(t *testing.T) {
	for late, want := range map[int]error{0: nil, 1: nil, 1000: os.ErrDeadlineExceeded} {
		s := &fullSocket{late: late}
		p := &muxPath{mux: &Mux{socket: s}}
		if err := p.send([]byte("datagram")); !errors.Is(err, want) || s.tries > 2 {
			t.Errorf("%d late: %d tries, %v", late, s.tries, err)
		}
	}
}
