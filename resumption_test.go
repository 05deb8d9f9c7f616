package sealsock_test

import (
	"context"
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
