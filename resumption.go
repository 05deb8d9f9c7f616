package sealsock

import (
	"runtime"
	"sync"
	"time"
	"weak"

	"github.com/sealsock/sealsock/engine"
)

// A resumption is what a server takes to resume: that of its Config, and where the Config has
// nothing, ticket keys and a memory of 0-RTT attempts of its own.
type resumption struct {
	tickets    engine.Tickets
	antiReplay engine.AntiReplay
}

func newResumption(cfg *Config) *resumption {
	r := &resumption{cfg.Tickets, cfg.AntiReplay}
	first := r.tickets == nil
	if first && cfg.NumTickets >= 0 {
		r.tickets = SealTickets(&RotatingKeys{Lifetime: cfg.TicketLifetime}, cfg.Now)
	}
	if r.antiReplay == nil && cfg.MaxEarlyData > 0 {
		memory := newReplayMemory(maxReplay, cfg.Now)
		if first {
			// Nothing was accepted before the memory began: no ticket
			// is older than its keys, which began with it.
			memory.since, memory.floor = time.Time{}, time.Time{}
		}
		r.antiReplay = memory
	}
	return r
}

// memoryFor returns the memory of 0-RTT attempts for a Config that ForClient has chosen. Its
// tickets, if it has any, are not those that the memory began with.
func (r resumption) memoryFor(cfg *Config) engine.AntiReplay {
	if own, is := r.antiReplay.(*replayMemory); is && cfg.Tickets != nil {
		return olderTickets{own}
	}
	return r.antiReplay
}

// resumptions has the resumption of each Config that Server was called with, by a weak pointer
// to it, until the Config is collected.
var resumptions sync.Map

// resumptionOf returns what the connections of Server with one Config share. A copy of the
// Config has another one, because it may accept other clients.
func resumptionOf(cfg *Config) *resumption {
	if cfg.Tickets != nil && (cfg.AntiReplay != nil || cfg.MaxEarlyData == 0) {
		return &resumption{cfg.Tickets, cfg.AntiReplay}
	}
	key := weak.Make(cfg)
	if r, ok := resumptions.Load(key); ok {
		return r.(*resumption)
	}
	r, loaded := resumptions.LoadOrStore(key, newResumption(cfg))
	if !loaded {
		runtime.AddCleanup(cfg, forgetResumption, key)
	}
	return r.(*resumption)
}

func forgetResumption(key weak.Pointer[Config]) { resumptions.Delete(key) }
