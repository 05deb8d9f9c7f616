package link

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock/relay"
)

// TestRepeatedAfterTheEnd: a packet of a member that has left, which the relay delivers again, is
// reported and not answered. A new packet is answered, because its sender waits.
func TestRepeatedAfterTheEnd(t *testing.T) {
	f := newFakeRelay(t)
	var kept []byte
	var mu sync.Mutex
	f.Tamper = func(m *relay.Message) []*relay.Message {
		mu.Lock()
		defer mu.Unlock()
		if m.Kind == relay.KindDeliver && packetType(m.Payload[0]) == typeData && kept == nil {
			kept = bytes.Clone(m.Payload)
		}
		return []*relay.Message{m}
	}
	reports := make(chan error, 10)
	a, b := f.pair(t, Options{Notify: func(e Event) {
		if e.Kind == Suspect {
			reports <- e.Err
		}
	}})
	if _, err := b.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	quiet(t, a, b) // it is acknowledged
	a.fail(ErrGone)
	a.hub.forget(a)
	mu.Lock()
	packet := kept
	mu.Unlock()
	a.hub.deliverUnknown(b.hub.id, packet)
	if !told(reports, ErrStale) {
		t.Error("no report")
	}
	b.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the repeated packet was answered: %v", err)
	}
	b.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := b.Write([]byte("y")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, ErrReset) {
		t.Errorf("a new packet was not answered: %v", err)
	}
}

// TestLastAcknowledgement: that of a Hub that is closed has a number of its own, so that nothing
// looks as if the relay had repeated it.
func TestLastAcknowledgement(t *testing.T) {
	irregular, gone := make(chan error, 10), make(chan struct{}, 10)
	f := newFakeRelay(t)
	a, b := f.pair(t, Options{Notify: func(e Event) {
		switch e.Kind {
		case Irregular:
			irregular <- e.Err
		case Left:
			gone <- struct{}{}
		}
	}})
	for range 3 { // packets of both
		for _, ends := range [][2]*Conn{{a, b}, {b, a}} {
			if _, err := ends[0].Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if _, err := ends[1].Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	quiet(t, a, b)
	a.mu.Lock()
	a.owedAt = time.Now().Add(time.Hour)
	a.mu.Unlock()
	a.hub.Close()
	<-gone // behind all that it has sent
	if told(irregular, ErrRepeated) {
		t.Error("the acknowledgement looks repeated")
	}
}

// quiet waits until nothing is on its way between two ends.
func quiet(t *testing.T, ends ...*Conn) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if !slices.ContainsFunc(ends, func(c *Conn) bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.owed || !c.owedAt.IsZero() || !c.drained()
		}) {
			return
		}
	}
	t.Fatal("something is on its way for 20 s")
}
