package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// gcPercent is how much garbage there may be for what is in use, unless GOGC has another, and
	// mostPercent how much while little is in use and connections are short: each handshake leaves
	// some 20 KiB behind, and collections of a small heap would be a twentieth of the work.
	gcPercent, mostPercent = 50, 400
	// gcRoom bounds in bytes the garbage that more than gcPercent allows.
	gcRoom = 16 << 20
	// growth is how many more connections may be open than at the last collection, and rareTime how
	// long ago that may be, for more than gcPercent; it may be longer ago by as much as there is
	// more garbage.
	growth, rareTime = 16, time.Second
	// alike is how many collections in a row must find it so.
	alike = 4
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
	if os.Getenv("GOGC") == "" {
		(&collecting{active: active}).after()
	}
	for {
		select {
		case <-tick.C:
			if s.due(active()) {
				runtime.GC() // what a pool has stays until the second collection
				debug.FreeOSMemory()
			}
		case <-ctx.Done():
			return
		}
	}
}

// A collecting chooses after each collection how much garbage may precede the next one.
type collecting struct {
	active        func() int
	open, percent int
	found         int // collections in a row that were not rare, and found no growth
	last          time.Time
}

// after is called after each collection.
func (c *collecting) after() {
	if p := c.choose(time.Now(), c.active(), inUse()); p != c.percent {
		c.percent = p
		debug.SetGCPercent(p) // it stops all goroutines for a moment
	}
	runtime.AddCleanup(new(*collecting), (*collecting).after, c)
}

// choose returns how much garbage there may be, from the number of open connections and the bytes
// in use: little while that number grows, since what stays of them is to lie close together, and
// while collections are rare.
func (c *collecting) choose(now time.Time, open int, used uint64) (percent int) {
	grows := open > c.open+growth
	rare := now.Sub(c.last) > rareTime*time.Duration(max(c.percent, gcPercent))/gcPercent
	c.open, c.last = open, now
	if c.found++; grows || rare {
		c.found = 0
	}
	if c.found < alike {
		return gcPercent
	}
	return percentFor(used)
}

// percentFor returns how much garbage there may be for a number of bytes in use: a multiple of
// gcPercent, so that it changes seldom.
func percentFor(used uint64) int {
	p := gcRoom * 100 / max(used, 1)
	return int(min(max(p-p%gcPercent, gcPercent), mostPercent))
}

// inUse is what the last collection has kept, the stacks that it has scanned included, in bytes.
func inUse() uint64 {
	all := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}}
	metrics.Read(all)
	sum := uint64(0)
	for _, s := range all {
		if s.Value.Kind() == metrics.KindUint64 {
			sum += s.Value.Uint64()
		}
	}
	return sum
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
