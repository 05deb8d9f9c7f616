package link

import (
	"context"
	"time"
)

// A relay tells who joins and who leaves. A hostile one can repeat that without end, and each time
// the program is told. After noticeBurst of these messages for each member that there may be, the
// next ones are taken one in noticePause. That delays other messages too, as such a relay can do in
// any case, and the last state of each member is taken. The pause is short enough for an honest
// relay and a member that joins as often as it can: a relay ends connections that do not follow.
const (
	noticeBurst = 4
	noticePause = time.Millisecond
)

// steady is how long a connection to the relay has to last for the next attempt to begin soon after
// its end: a relay that ends each one at once causes few connections, and few events.
const steady = time.Second

// A pace bounds how often something happens: some at once, and one more after each pause.
type pace struct {
	pause time.Duration
	burst int
	due   time.Time // when all that happened has been paid for with pauses
}

// next counts one more and returns how long it has to wait.
func (p *pace) next(now time.Time) time.Duration {
	if p.due.Before(now) {
		p.due = now
	}
	p.due = p.due.Add(p.pause)
	return max(p.due.Sub(now)-time.Duration(p.burst)*p.pause, 0)
}

// await waits until one more may happen, or until the end of ctx.
func (p *pace) await(ctx context.Context) {
	wait := p.next(time.Now())
	if wait == 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
