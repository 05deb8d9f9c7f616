package stream

import (
	"context"
	"sync"
	"time"
)

// A Limit is a context with a deadline. Most handshakes end before anything waits for the end of
// their context, so a Limit makes what can be waited for when it is first asked for.
type Limit struct {
	parent context.Context
	until  time.Time
	cause  error

	mu     sync.Mutex
	made   context.Context // nil until it is asked for
	cancel context.CancelFunc
	over   bool
}

var _ context.Context = (*Limit)(nil)

// NewLimit returns a context that ends with parent, or at a time with the given cause.
func NewLimit(parent context.Context, until time.Time, cause error) *Limit {
	return &Limit{parent: parent, until: until, cause: cause}
}

// End ends the context, which is used no more.
func (l *Limit) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.cancel != nil {
		l.cancel()
	}
}

// Ended returns the cause if the context of the caller has ended, or the time is over. Nothing is
// made for it.
func (l *Limit) Ended() error {
	if err := context.Cause(l.parent); err != nil {
		return err
	}
	if !time.Now().Before(l.until) {
		return l.cause
	}
	return nil
}

// real returns the context with a deadline.
func (l *Limit) real() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made == nil {
		l.made, l.cancel = context.WithDeadlineCause(l.parent, l.until, l.cause)
		if l.over {
			l.cancel()
		}
	}
	return l.made
}

// Deadline implements context.Context, as the next three do.
func (l *Limit) Deadline() (time.Time, bool) { return l.real().Deadline() }

// Done returns the channel that is closed at the end.
func (l *Limit) Done() <-chan struct{} { return l.real().Done() }

// Err returns why the context has ended.
func (l *Limit) Err() error { return l.real().Err() }

// Value returns a value of the caller's context. Package context finds the cause with it.
func (l *Limit) Value(key any) any { return l.real().Value(key) }

// A bound is the context of a handshake with Options.Timeout. Its timer runs from the start: it
// interrupts the connection below.
type bound struct {
	Limit
	c     *Conn
	timer *time.Timer
	fired sync.WaitGroup // until the timer's function has returned, if it runs
}

// within applies Options.Timeout to ctx. The handshake is held. Without a timeout the bound is
// nil, and ctx is left as it is.
func (c *Conn) within(ctx context.Context) (context.Context, *bound) {
	if c.opts.Timeout <= 0 {
		return ctx, nil
	}
	if c.until.IsZero() {
		c.until = time.Now().Add(c.opts.Timeout)
	}
	b := &bound{Limit: Limit{parent: ctx, until: c.until, cause: c.opts.TimedOut}, c: c}
	b.fired.Add(1)
	b.timer = time.AfterFunc(time.Until(c.until), b.interrupt)
	return b, b
}

// interrupt interrupts what waits for the connection below, once the context has ended, which may
// have a timer of its own: what is interrupted looks for the reason there.
func (b *bound) interrupt() {
	<-b.Done()
	b.c.interrupt(true, true)
	b.fired.Done()
}

// end ends the context, and restores the deadlines below if the timer has changed them. The
// runtime keeps a timer that was stopped until its time comes, or many others were stopped too:
// without the reference to c a connection that nothing uses any more can be collected before.
func (b *bound) end() {
	if b == nil {
		return
	}
	b.End()
	if !b.timer.Stop() {
		b.fired.Wait()
		b.c.restore(true, true)
	}
	b.c = nil
}
