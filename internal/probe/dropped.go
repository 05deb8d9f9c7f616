package probe

import (
	"context"
	"fmt"

	"github.com/sealsock/sealsock/iana"
)

// tries is how often a question is asked that has no answer in time.
const tries = 3

// errDropped is the error of a question that the server, or a middlebox before it, drops.
var errDropped = fmt.Errorf("no answer in %d tries, and one to another question after each", tries)

// insist asks a question again that had no answer in time: an answer to a later try is the answer.
// One try without an answer is neither yes nor no. It returns errDropped if no try has one,
// and the server answers another question after each: such a server refuses what was asked,
// without telling so. That other answer has to come in half the time: a server that is just
// slow has dropped nothing.
func (p *prober) insist(ctx context.Context, ask func(try int) error) error {
	for try := 0; ; try++ {
		err := ask(try)
		steady := err == ErrSilent && p.prompt(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return context.Cause(ctx) // not the server is late, but the scan is over
		case !steady:
			return err
		case try == tries-1:
			return errDropped
		}
	}
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
