package natsfleet

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/sealsock/sealsock/internal/natstest"
)

// attempts returns the configuration of the bucket of 0-RTT attempts, and what changes it.
func attempts(t *testing.T, nc *nats.Conn, m *Member) (
	jetstream.StreamConfig, func(jetstream.StreamConfig)) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "KV_"+m.name+"-early")
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().Config, func(cfg jetstream.StreamConfig) {
		t.Helper()
		if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFull: clients that fill the memory of attempts have further ones refused, and do not keep
// the members from sharing the rest.
func TestFull(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Connect()
	m := join(t, nc, 1, Options{Interval: time.Hour}) // nothing is looked at meanwhile
	cfg, change := attempts(t, nc, m)
	cfg.MaxBytes = 1000
	change(cfg)
	accepted := 0
	for i := range 20 {
		if m.Fresh([]byte{byte(i)}, time.Now()) {
			accepted++
		}
		if s := m.State(); !s.Shared || !s.Early || s.Err != nil {
			t.Fatalf("after %d attempts: %+v", i+1, s)
		}
	}
	if accepted == 0 || accepted == 20 {
		t.Errorf("%d attempts were accepted", accepted)
	}
}

// TestCountsWithAWrongClock: a member whose clock differs from that of NATS counts what the others
// tell, and they count what it tells.
func TestCountsWithAWrongClock(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Connect()
	m := join(t, nc, 1, Options{Interval: time.Hour}) // nothing is looked at meanwhile
	m.mu.Lock()
	m.ahead = time.Hour
	m.mu.Unlock()
	l := m.Limiter("a", 100, time.Hour).(*limiter)
	told := make(chan []byte, 1)
	if _, err := nc.Subscribe(l.subject, func(msg *nats.Msg) { told <- msg.Data }); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	network, now := netip.MustParsePrefix("192.0.2.1/32"), time.Now()
	l.Take(network, now)
	plain, err := m.open(<-told, l.subject)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(0, int64(binary.BigEndian.Uint64(plain[17:])))
	if off := at.Sub(now.Add(-time.Hour)).Abs(); off > time.Minute {
		t.Errorf("the number of its message differs by %v from the time of NATS", off)
	}
	other := &limiter{subject: l.subject, counts: map[netip.Prefix]uint32{network: 10}}
	b, err := m.seal(other.messages([16]byte{1}, now.Add(-time.Hour))[0], l.subject)
	if err != nil {
		t.Fatal(err)
	}
	if m.count(l, b); l.rates.Left(network, now) != 89 {
		t.Errorf("%d connections are left", l.rates.Left(network, now))
	}
}

// TestCountsAfterAWrongClock: the messages of a member whose clock was far ahead are counted again
// once it is right, and those of one whose clock went back a little are counted all the time.
func TestCountsAfterAWrongClock(t *testing.T) {
	network, now := netip.MustParsePrefix("192.0.2.1/32"), time.Now()
	from, to := &limiter{counts: map[netip.Prefix]uint32{}}, &limiter{last: map[[16]byte]uint64{}}
	for i, step := range []struct {
		clock time.Duration // of the member that tells
		news  bool
	}{{0, true}, {time.Hour, false}, {time.Hour, false}, {time.Second, true}, {0, true}, {0, true}} {
		from.counts[network] = 1
		b := from.messages([16]byte{1}, now.Add(step.clock))[0]
		if to.news([16]byte{1}, binary.BigEndian.Uint64(b[17:]), now) != step.news {
			t.Errorf("message %d, with a clock %v ahead: want %v", i, step.clock, step.news)
		}
	}
}

// TestForgetfulBucket: no 0-RTT data is accepted while NATS may forget an attempt too early,
// because another program has made the bucket or changed it.
func TestForgetfulBucket(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Connect()
	m := join(t, nc, 1, Options{})
	good, change := attempts(t, nc, m)
	shorter, older := good, good
	shorter.MaxAge, shorter.Duplicates = remembered-time.Second, time.Second
	older.Discard = jetstream.DiscardOld
	for _, bad := range []jetstream.StreamConfig{shorter, older} {
		for n, cfg := range []jetstream.StreamConfig{bad, good} {
			early := n == 1
			change(cfg)
			eventually(t, func() bool { return m.State().Early == early })
			if s := m.State(); !s.Shared || (s.Err == nil) != early {
				t.Errorf("early %v: %+v", early, s)
			}
			if !early && m.Fresh([]byte("x"), time.Now()) {
				t.Error("an attempt is accepted")
			}
		}
	}
}
