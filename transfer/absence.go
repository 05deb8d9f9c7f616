package transfer

import (
	"sync"
	"time"
)

// awayNotice is how long the other side is away before that is reported. One that has
// everything leaves too.
const awayNotice = time.Second

// An absence reports that the other side cannot be reached through the relay, where that
// matters: not while the files go directly, and not after the end of the transfer.
type absence struct {
	notify func(Event)

	mu     sync.Mutex
	away   bool
	direct bool // the files go directly
	told   bool
	over   bool
}

// set takes that the other side has left or has come.
func (a *absence) set(away bool) {
	a.mu.Lock()
	told := a.told
	a.away, a.told = away, told && away
	a.mu.Unlock()
	switch {
	case away:
		time.AfterFunc(awayNotice, a.notice)
	case told:
		a.notify(Event{Kind: Back})
	}
}

// setDirect takes whether the files go directly.
func (a *absence) setDirect(on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.direct = on
	if !on && a.away {
		time.AfterFunc(awayNotice, a.notice)
	}
}

// notice reports the absence, once.
func (a *absence) notice() {
	a.mu.Lock()
	report := a.away && !a.direct && !a.told && !a.over
	a.told = a.told || report
	a.mu.Unlock()
	if report {
		a.notify(Event{Kind: Away})
	}
}

// end ends the reports.
func (a *absence) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
}

// blocks reports whether the transfer cannot continue because the other side is away.
func (a *absence) blocks() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.away && !a.direct
}
