package probe

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// tries is how often a question is asked that has no answer in time.
const tries = 3

// errDropped is the error of a question that the server, or a middlebox before it, drops.
var errDropped = fmt.Errorf("no answer in %d tries, and one to another question before the second "+
	"and at the last", tries)

// insist asks a question again that had no answer in time: an answer to a later try is the answer.
// One try without an answer is neither yes nor no. It returns errDropped if no try has one, and
// the server answers another question after the first try and at the last: such a server refuses
// what was asked, without telling so. That other answer has to come in half the time: a
// server that is just slow has dropped nothing.
func (p *prober) insist(ctx context.Context, ask func(ctx context.Context, try int) error) error {
	err := ask(ctx, 0)
	if err == ErrSilent && p.canPrompt() {
		err = p.again(ctx, ask)
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx) // not the server is late, but the scan is over
	}
	return err
}

// A question is one that had no answer in time.
type question struct {
	ctx    context.Context
	ask    func(ctx context.Context, try int) error
	err    error // what became of it
	cancel func()
	ended  chan struct{} // closed when err is right
}

func (q *question) end(err error) {
	q.err = err
	close(q.ended)
	q.cancel()
}

// joinTime is how long questions may join others, whose time has ended in the same moment.
const joinTime = 50 * time.Millisecond

// again makes the further tries of a question, while no connection is open but those of such
// tries: a server that serves few clients at a time may be busy with what it drops. The first one
// makes those of all questions that wait for them.
func (p *prober) again(ctx context.Context,
	ask func(ctx context.Context, try int) error) error {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	q := &question{ctx: ctx, ask: ask, cancel: cancel, ended: make(chan struct{})}
	p.note(func(*Report) { p.silent = append(p.silent, q) })
	done, err := p.alone(waiting)
	if err == nil {
		time.Sleep(joinTime)
		p.insistTogether(ctx)
		done()
	}
	taken := true
	p.note(func(*Report) {
		if i := slices.Index(p.silent, q); i >= 0 { // the scan is over
			p.silent, taken = slices.Delete(p.silent, i, i+1), false
		}
	})
	if !taken {
		return err
	}
	<-q.ended
	return q.err
}

// insistTogether makes the tries of all questions that wait, as many at a time as there may be
// connections beside that of the other question.
func (p *prober) insistTogether(ctx context.Context) {
	var all []*question
	p.note(func(*Report) { all, p.silent = p.silent, nil })
	if len(all) == 0 { // others have made them
		return
	}
	ctx = context.WithValue(ctx, aloneKey{}, func() {})
	if !p.prompt(ctx) && !(len(all) > 1 && p.prompt(ctx)) { // the many do not depend on a chance
		for _, q := range all {
			q.end(ErrSilent)
		}
		return
	}
	for some := range slices.Chunk(all, max(cap(p.slots)-1, 1)) {
		if len(some) > 1 {
			some = p.rounds(some)
		}
		for _, q := range some {
			q.end(p.insistAlone(q))
		}
	}
}

// rounds asks questions at the same time until each has an answer or is dropped. It returns those
// that have to be asked alone, because the server did not answer the other question beside them.
// A round in which one of them was answered tells nothing of the rest, which may have waited for
// that.
func (p *prober) rounds(left []*question) []*question {
	for try := 1; try < tries && len(left) > 0; {
		prompt := p.round(left, try)
		var silent []*question
		for _, q := range left {
			if q.err == ErrSilent {
				silent = append(silent, q)
			} else {
				q.end(q.err)
			}
		}
		if !prompt {
			return silent
		}
		if len(silent) == len(left) {
			try++
		}
		left = silent
	}
	for _, q := range left {
		q.end(errDropped)
	}
	return nil
}

// round asks each question once, and the other one as soon as each has a connection.
func (p *prober) round(questions []*question, try int) (prompt bool) {
	var dialed, all sync.WaitGroup
	for _, q := range questions {
		dialed.Add(1)
		once := sync.OnceFunc(dialed.Done)
		all.Go(func() {
			defer once() // a connection that was not to be had
			q.err = q.ask(context.WithValue(q.ctx, aloneKey{}, once), try)
		})
	}
	dialed.Wait()
	prompt = p.prompt(context.WithValue(questions[0].ctx, aloneKey{}, func() {}))
	all.Wait()
	return prompt
}

// insistAlone makes the tries while no other connection is open. The last try comes after the
// same time without an answer as the other question, so that a bound on the connections of one
// client lets both pass, or neither.
func (p *prober) insistAlone(q *question) error {
	ctx := context.WithValue(q.ctx, aloneKey{}, func() {})
	for try := 1; try < tries; try++ {
		if err := q.ask(ctx, try); err != ErrSilent {
			return err
		}
	}
	if p.prompt(ctx) {
		return errDropped
	}
	return ErrSilent
}

// aloneKey is that of a context under which connections are opened while all others wait. Its value
// is a func() that is called when one is open.
type aloneKey struct{}

// alone waits until no connection is open. Until done, only those of an aloneKey are opened.
func (p *prober) alone(scan context.Context) (done func(), err error) {
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
			return nil, context.Cause(scan)
		}
	}
	return done, nil
}

// canPrompt reports whether there is another question that the server has answered.
func (p *prober) canPrompt() bool {
	versions := p.report.accepted()
	return len(versions) > 0 && versions[0] > iana.SSL20
}

// prompt reports whether the server answers that question in half the time.
func (p *prober) prompt(ctx context.Context) bool {
	return p.steadyFor(ctx, p.report.accepted()[0], p.timeout/2)
}

// dropped notes a question that the server drops, which is its refusal.
func (p *prober) dropped(what string) {
	p.note(func(r *Report) { r.Dropped = append(r.Dropped, what) })
}
