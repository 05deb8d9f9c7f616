package main

import (
	"context"
	"runtime/debug"
	"time"
)

const (
	// gcPercent is how much garbage there may be for what is in use, unless GOGC has another.
	gcPercent = 50
	// settleTime is the time between two looks at the number of connections, and settleLooks
	// how many of them must find it steady before memory is given back. Together they are
	// longer than an idle connection needs to give up its keys and buffers.
	settleTime  = 5 * time.Second
	settleLooks = 2
	// settleLeast is the least change of the number that is worth it.
	settleLeast = 64
)

// giveBack gives memory back to the system after the number of connections has changed by much
// and is steady again: what handshakes leave behind, and stacks that have grown in them, would
// stay until the next collection, which many idle connections put off for minutes.
func giveBack(ctx context.Context, active func() int) {
	tick := time.NewTicker(settleTime)
	defer tick.Stop()
	var s settling
	for {
		select {
		case <-tick.C:
			if s.due(active()) {
				debug.FreeOSMemory()
			}
		case <-ctx.Done():
			return
		}
	}
}

// A settling decides when memory is given back.
type settling struct{ last, settled, steady int }

// due takes the number of connections. It reports whether that is steady, and far from what it
// was when due was true last.
func (s *settling) due(n int) bool {
	if s.steady++; apart(n, s.last) > max(n/8, settleLeast/8) {
		s.steady = 0
	}
	s.last = n
	if s.steady < settleLooks || apart(n, s.settled) <= max(s.settled/4, settleLeast) {
		return false
	}
	s.settled = n
	return true
}

func apart(a, b int) int { return max(a-b, b-a) }
