package link

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock/relay"
)

// TestPace: some at once, and one more after each pause; a rest gives the burst back, and no more.
func TestPace(t *testing.T) {
	p := pace{pause: time.Second, burst: 3}
	now := time.Now()
	for i, step := range []struct{ after, want time.Duration }{
		{0, 0}, {0, 0}, {0, 0}, {0, time.Second}, {time.Second, time.Second},
		{time.Hour, 0}, {0, 0}, {0, 0}, {0, time.Second},
	} {
		now = now.Add(step.after)
		if got := p.next(now); got != step.want {
			t.Fatalf("step %d waits %v, not %v", i, got, step.want)
		}
	}
}

// TestJoinsAndLeaves: a relay that tells without end that a member joins and leaves causes few
// events, and Close does not wait for them.
func TestJoinsAndLeaves(t *testing.T) {
	var events atomic.Int64
	f := newFakeRelay(t)
	began := time.Now()
	const repeated = 50_000
	f.Tamper = func(m *relay.Message) []*relay.Message {
		if m.Kind != relay.KindJoined {
			return []*relay.Message{m}
		}
		all := make([]*relay.Message, 0, 2*repeated)
		for range repeated {
			again := *m
			all = append(all, &again, &relay.Message{Kind: relay.KindLeft, Member: m.Member})
		}
		return all
	}
	h, first := f.join(t, Options{Members: 1, Notify: func(e Event) {
		if e.Kind == Joined || e.Kind == Left {
			events.Add(1)
		}
	}})
	f.join(t, Options{})
	<-first
	time.Sleep(300 * time.Millisecond)
	h.Close()
	most := int64(2*noticeBurst) + int64(time.Since(began)/noticePause) + 10
	if n := events.Load(); n > most {
		t.Errorf("%d events, at most %d are due", n, most)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("Close took %v", took)
	}
}

// TestLeftOut: a relay that announces members without end makes few events of it.
func TestLeftOut(t *testing.T) {
	crowded := 0
	f := newFakeRelay(t)
	h, conns := f.join(t, Options{Members: 1, Notify: func(e Event) {
		if e.Kind == Crowded {
			crowded++
		}
	}})
	f.join(t, Options{})
	<-conns // a new connection to the relay would begin to count again
	for i := range 1000 {
		h.joined(relay.MemberID{byte(i), byte(i >> 8), 1})
	}
	if crowded != maxForged {
		t.Errorf("%d events, want %d", crowded, maxForged)
	}
}

// TestRelayThatEndsConnections: a relay that ends each connection at once is not tried as soon as
// one that has carried messages for a while.
func TestRelayThatEndsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeRelay(t)
		var dials atomic.Int64
		opts := Options{Token: relay.NewToken(), Key: []byte("key")}
		opts.Dial = func(ctx context.Context) (net.Conn, error) {
			dials.Add(1)
			c, err := f.Dial(ctx)
			if err == nil {
				time.AfterFunc(20*time.Millisecond, func() { c.Close() })
			}
			return c, err
		}
		h, err := NewHub(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		time.Sleep(3 * time.Second)
		// After pauses of at least 0.05, 0.1, 0.2, 0.4, 0.8 and 1.6 seconds.
		if n := dials.Load(); n < 4 || n > 7 {
			t.Errorf("%d connections", n)
		}
	})
}
