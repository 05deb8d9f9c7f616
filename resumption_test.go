package sealsock_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/pipetest"
)

// served connects, and reports whether the session was resumed. The connection is closed.
func served(t *testing.T, cc, sc *sealsock.Config) bool {
	t.Helper()
	client, server, err := pipetest.Connect(t, cc, sc)
	if err != nil {
		t.Fatal(err)
	}
	client.NetConn().Close()
	server.NetConn().Close()
	return client.State().Resumed
}

// TestServerResumes: the connections of Server with one Config resume, also with the Config
// that ForClient chooses. With a copy they do not, nor without tickets.
func TestServerResumes(t *testing.T) {
	cc, sc := newConfigs(t)
	chosen := *sc
	chosen.ALPN = nil
	for name, set := range map[string]func(*sealsock.Config){
		"plain": func(*sealsock.Config) {},
		"ForClient": func(c *sealsock.Config) {
			c.Identities = nil
			c.ForClient = func(context.Context, *engine.ClientHelloInfo) (*sealsock.Config, error) {
				return &chosen, nil
			}
		},
		"a profile": func(c *sealsock.Config) { c.Profile = sealsock.Modern },
		"tickets of its own": func(c *sealsock.Config) {
			c.Tickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cc, sc := *cc, *sc
			cc.Sessions = sealsock.NewMemoryCache(1)
			set(&sc)
			if served(t, &cc, &sc) {
				t.Error("the first connection resumed")
			}
			if !served(t, &cc, &sc) {
				t.Error("the second connection did not resume")
			}
			other := sc
			if other.Tickets == nil && served(t, &cc, &other) {
				t.Error("a connection with a copy of the Config resumed")
			}
		})
	}
	off := *sc
	off.NumTickets = -1
	cc.Sessions = sealsock.NewMemoryCache(1)
	for range 2 {
		if served(t, cc, &off) {
			t.Error("a connection without tickets resumed")
		}
	}
}

// TestServerForgetsConfigs: what Server keeps of a Config goes with the Config.
func TestServerForgetsConfigs(t *testing.T) {
	cc, sc := newConfigs(t)
	before := sealsock.Resumptions()
	for range 100 {
		own := *sc
		served(t, cc, &own)
	}
	end := time.Now().Add(time.Minute)
	for sealsock.Resumptions() > before+10 {
		if time.Now().After(end) {
			t.Fatalf("%d Configs are kept", sealsock.Resumptions()-before)
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
}

// sharedKeys are ticket keys that outlive a process.
type sharedKeys []sealsock.TicketKey

func (k sharedKeys) TicketKeys(time.Time) []sealsock.TicketKey { return k }

// TestForClientTicketsOfBefore: a server does not accept 0-RTT data at once with tickets that are
// older than its memory of attempts: those of a Config that ForClient chooses, which has ticket
// keys and no AntiReplay, beside a Config with keys of its own. The process before, which had
// these keys, may have accepted the same attempt. RFC 9846, Section 8.2.
func TestForClientTicketsOfBefore(t *testing.T) {
	cc, sc := newConfigs(t)
	keys := sharedKeys{sealsock.NewTicketKey([32]byte{7})}
	process := func(now func() time.Time) *sealsock.Config {
		chosen, own := *sc, *sc
		own.Now, own.MaxEarlyData = now, 1000
		chosen.Now, chosen.MaxEarlyData = now, 1000
		chosen.Tickets = sealsock.SealTickets(keys, now)
		own.ForClient = func(context.Context, *engine.ClientHelloInfo) (*sealsock.Config, error) {
			return &chosen, nil
		}
		return &own
	}
	start := time.Now()
	clock := func(after time.Duration) func() time.Time {
		return func() time.Time { return start.Add(after) }
	}
	cc.EarlyData = true
	cc.OnSession = func(s *engine.Session) { cc.Session = s }
	early := func(sc *sealsock.Config) bool {
		t.Helper()
		own := *cc
		a, b := socketPair(t, "unix")
		c, err := sealsock.Client(a, &own)
		if err != nil {
			t.Fatal(err)
		}
		s, err := sealsock.Server(b, sc)
		if err != nil {
			t.Fatal(err)
		}
		if own.Session != nil {
			if _, err := c.WriteEarly([]byte("pay")); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error, 1)
		go func() { done <- s.HandshakeContext(t.Context()) }()
		if err := errors.Join(c.HandshakeContext(t.Context()), <-done); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte("x")); err != nil { // with the tickets
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		c.Close()
		s.Close()
		return s.State().EarlyData
	}
	now := clock(0)
	cc.Now = func() time.Time { return now() }
	early(process(cc.Now))
	if cc.Session == nil {
		t.Fatal("no session")
	}
	second := process(cc.Now)
	if early(second) {
		t.Error("a new process accepts 0-RTT data with a ticket of the one before")
	}
	now = clock(time.Minute)
	if !early(second) {
		t.Error("0-RTT data is refused a minute after the process began")
	}
}
