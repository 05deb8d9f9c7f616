package probe

import (
	"context"
	"fmt"

	"github.com/sealsock/sealsock/iana"
)

// tries is how often a question is asked that has no answer in time.
const tries = 3

// errDropped is the error of a question that the server, or a middlebox before it, drops.
var errDropped = fmt.Errorf("no answer in %d tries, and one to another question before the second "+
	"and after the last", tries)

// insist asks a question again that had no answer in time: an answer to a later try is the answer.
// One try without an answer is neither yes nor no. It returns errDropped if no try has one, and
// the server answers another question after the first try and after the last: such a server
// refuses what was asked, without telling so. That other answer has to come in half the time: a
// server that is just slow has dropped nothing.
func (p *prober) insist(ctx context.Context, ask func(ctx context.Context, try int) error) error {
	err := ask(ctx, 0)
	if err == ErrSilent && p.prompt(ctx) {
		err = p.insistAlone(ctx, ask)
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx) // not the server is late, but the scan is over
	}
	return err
}

// insistAlone makes the further tries while no other connection is open. Beside another question
// that is dropped, a server that serves one client after another answers none. The last try
// comes after the same time without an answer as the other question, so that a bound on the
// connections of one client lets both pass, or neither.
func (p *prober) insistAlone(scan context.Context,
	ask func(ctx context.Context, try int) error) error {
	ctx, done, err := p.alone(scan)
	if err != nil {
		return err
	}
	defer done()
	for try := 1; try < tries; try++ {
		if err := ask(ctx, try); err != ErrSilent {
			return err
		}
	}
	if p.prompt(ctx) {
		return errDropped
	}
	return ErrSilent
}

// aloneKey is that of a context under which connections are opened while all others wait.
type aloneKey struct{}

// alone waits until no connection is open. Until done, only those of the context it returns are
// opened.
func (p *prober) alone(scan context.Context) (ctx context.Context, done func(), err error) {
	turns := []chan struct{}{p.turn} // of those that wait for this
	for range cap(p.slots) {
		turns = append(turns, p.slots)
	}
	taken := 0
	done = func() {
		for _, turn := range turns[:taken] {
			<-turn
		}
	}
	for _, turn := range turns {
		select {
		case turn <- struct{}{}:
			taken++
		case <-scan.Done():
			done()
			return nil, nil, context.Cause(scan)
		}
	}
	return context.WithValue(scan, aloneKey{}, true), done, nil
}

// prompt reports whether the server answers, in half the time, what it has answered before.
func (p *prober) prompt(ctx context.Context) bool {
	versions := p.report.accepted()
	return len(versions) > 0 && versions[0] > iana.SSL20 &&
		p.steadyFor(ctx, versions[0], p.timeout/2)
}

// dropped notes a question that the server drops, which is its refusal.
func (p *prober) dropped(what string) {
	p.note(func(r *Report) { r.Dropped = append(r.Dropped, what) })
}
