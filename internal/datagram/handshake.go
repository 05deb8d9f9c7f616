package datagram

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/panics"
	"github.com/sealsock/sealsock/internal/stream"
)

// A handshake is what a connection has until its handshake is done. Who holds the turn may use it.
type handshake struct {
	taken    bool // the turn; guarded by inbox.mu
	opts     stream.Options
	until    time.Time // when Options.Timeout ends; zero before the first call
	started  bool
	question engine.Question // that the engine waits for
	alarm    *time.Timer     // of awaitPeer; nil before the first wait
}

// Handshake runs the handshake, unless it is done already, until ctx ends.
func (c *Conn) Handshake(ctx context.Context) error {
	if !c.Made() {
		return stream.ErrNotMade
	}
	if c.in.isOpen() {
		return nil
	}
	return c.handshakeUntil(ctx, func(*handshake) bool { return c.in.isOpen() })
}

// handshakeUntil runs the handshake until done reports true. It calls done while it holds the
// turn.
func (c *Conn) handshakeUntil(ctx context.Context, done func(*handshake) bool) error {
	h, err := c.takeTurn(ctx)
	if h == nil {
		return err
	}
	defer c.leaveTurn(h)
	stream.GrowStack() // before a context is waited for, which takes several calls
	if p, ok := c.path.(*socketPath); ok && !p.running.Load() {
		defer p.leave(c)
		if ctx.Done() != nil {
			defer context.AfterFunc(ctx, c.in.poke)()
		}
	}
	if h.opts.Timeout > 0 {
		if h.until.IsZero() {
			h.until = time.Now().Add(h.opts.Timeout)
		}
		limit := stream.NewLimit(ctx, h.until, h.opts.TimedOut)
		defer limit.End()
		ctx = limit
	}
	err = c.steps(ctx, h, done)
	if err != nil && h.opts.TimedOut != nil && over(ctx) == h.opts.TimedOut {
		return c.fail(err)
	}
	return err
}

// over returns why ctx has ended, or nil.
func over(ctx context.Context) error {
	if l, ok := ctx.(*stream.Limit); ok {
		return l.Ended()
	}
	return context.Cause(ctx)
}

// takeTurn waits until no one else runs the handshake, or until the end of ctx. It returns nil once
// the handshake is done.
func (c *Conn) takeTurn(ctx context.Context) (*handshake, error) {
	for {
		c.in.mu.Lock()
		h := c.begun
		if h == nil || !h.taken {
			if h != nil {
				h.taken = true
			}
			c.in.mu.Unlock()
			return h, nil
		}
		changed := c.in.change()
		c.in.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// leaveTurn lets others run the handshake.
func (c *Conn) leaveTurn(h *handshake) {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	h.taken = false
	c.in.wakeAll()
}

// done drops the handshake.
func (c *Conn) done() {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.begun = nil
}

// steps takes steps of the handshake until done reports true.
func (c *Conn) steps(ctx context.Context, h *handshake, done func(*handshake) bool) error {
	for !done(h) {
		err := c.in.ended()
		if err == nil {
			err = c.step(ctx, h)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// step takes one step of the handshake, or waits until there is one.
func (c *Conn) step(ctx context.Context, h *handshake) error {
	k, wait, err := c.nextCall(ctx, h)
	if err != nil || wait {
		return err
	}
	o, err := c.work(ctx, h.opts.Work, k)
	if err != nil {
		return err
	}
	h.started = true
	c.narrow(o.unsent)
	switch {
	case o.err != nil:
		return c.fail(o.err)
	case o.closed:
		return c.fail(errRefused)
	case o.unsent != nil && !o.done && !passing(o.unsent):
		return c.fail(unreachable(o.unsent))
	}
	if o.question != nil {
		h.question = o.question
	}
	for _, s := range o.sessions {
		c.offer(s)
	}
	if o.done {
		return c.finish(h.opts.Checks)
	}
	return nil
}

// narrow lowers the MTU of a handshake whose datagrams the system refuses to send with err. RFC
// 9147, Section 4.4.
func (c *Conn) narrow(err error) {
	if !errors.Is(err, syscall.EMSGSIZE) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.engine.MTU() > engine.LowMTU {
		_ = c.engine.SetMTU(engine.LowMTU)
	}
}

// nextCall returns what the engine has to do next. If that is nothing, it waits.
func (c *Conn) nextCall(ctx context.Context, h *handshake) (k call, waited bool, err error) {
	switch {
	case h.question != nil:
		a, err := c.ask(ctx, h.question)
		if err != nil {
			if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
				return k, false, context.Cause(ctx) // the next Handshake asks again
			}
			a = engine.Refuse(err)
		}
		h.question = nil
		return resume(a), false, nil
	case !h.started:
		return call{do: (*engine.DatagramConn).Start}, false, nil
	}
	if d := c.in.next(); d != nil {
		return call{datagram: d, size: len(d)}, false, nil
	}
	c.mu.Lock()
	at := c.engine.Timeout()
	c.mu.Unlock()
	if !at.IsZero() && !time.Now().Before(at) {
		return call{do: (*engine.DatagramConn).Expire}, false, nil
	}
	if p, ok := c.path.(*socketPath); ok && !p.running.Load() {
		k, err = p.await(ctx, c, h, at)
		return k, len(k.datagram) == 0, err
	}
	return k, true, c.awaitPeer(ctx, h, at)
}

// awaitPeer waits until there is a datagram, or the connection has ended, until a time, or
// until the end of ctx or of a deadline.
func (c *Conn) awaitPeer(ctx context.Context, h *handshake, at time.Time) error {
	c.in.mu.Lock()
	by := earlier(c.in.readBy, c.in.writeBy)
	ready := len(c.in.pending) > 0 || c.in.err != nil
	changed := c.in.change()
	c.in.mu.Unlock()
	if err := c.overdue("read", by); err != nil || ready {
		return err
	}
	h.alarm = sleep(ctx, changed, earlier(at, by), h.alarm)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// sleep waits for a change, until a time, or until the end of ctx. It uses alarm, or a new timer if
// that is nil, and returns the timer, which is stopped.
func sleep(
	ctx context.Context, changed <-chan struct{}, at time.Time, alarm *time.Timer,
) *time.Timer {
	var over <-chan time.Time
	if !at.IsZero() {
		if alarm == nil {
			alarm = time.NewTimer(time.Until(at))
		} else {
			alarm.Reset(time.Until(at))
		}
		defer alarm.Stop()
		over = alarm.C
	}
	select {
	case <-changed:
	case <-over:
	case <-ctx.Done():
	}
	return alarm
}

// work makes a call while it holds a place in Options.Work.
func (c *Conn) work(ctx context.Context, places chan struct{}, k call) (outcome, error) {
	if places != nil {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		case <-ctx.Done():
			return outcome{}, context.Cause(ctx)
		}
	}
	return c.run(k), nil
}

// finish opens the connection when its handshake is done.
func (c *Conn) finish(checks bool) error {
	c.owner.Proved()
	if err := c.check(checks); err != nil {
		c.run(call{do: func(e *engine.DatagramConn, _ time.Time) ([]engine.Event, error) {
			return nil, e.Abort(err)
		}})
		return c.fail(err)
	}
	c.path.opened(c)
	c.arm()
	if err := c.resendEarly(); err != nil {
		return c.fail(err)
	}
	for !c.in.opened() {
		d := c.in.next()
		c.settle(c.run(call{datagram: d, size: len(d)}))
	}
	c.done()
	return nil
}

// check calls Owner.Check, if it has checks. A panic in it is an error.
func (c *Conn) check(checks bool) (err error) {
	if !checks {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v)
		}
	}()
	return c.owner.Check()
}

// ask finds an answer. A panic in a callback refuses.
func (c *Conn) ask(ctx context.Context, q engine.Question) (a engine.Answer, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v)
		}
	}()
	return c.owner.Answer(ctx, q)
}

// offer hands a session to the Owner. A panic there ends the connection.
func (c *Conn) offer(s *engine.Session) {
	defer func() {
		if v := recover(); v != nil {
			c.GiveUp(panicked(v))
		}
	}()
	c.owner.Session(s)
}

// GiveUp ends the connection with the alert of cause: see engine.DatagramConn.Abort.
func (c *Conn) GiveUp(cause error) {
	if !c.Made() {
		return
	}
	if c.in.ended() == nil {
		c.run(call{do: func(e *engine.DatagramConn, _ time.Time) ([]engine.Event, error) {
			return nil, e.Abort(cause)
		}})
		c.fail(cause)
	}
	c.cut()
}

// Abort ends an open connection with the fatal alert a.
func (c *Conn) Abort(a iana.Alert) error {
	if !c.Made() {
		return stream.ErrNotMade
	}
	if !c.in.isOpen() {
		return usage("the handshake is not complete: use GiveUp", "")
	}
	if c.closing.Load() {
		return c.opError("close", net.ErrClosed)
	}
	c.GiveUp(&engine.Error{
		Fault: engine.FaultLocal, Alert: a, Reason: "this side has aborted the connection",
	})
	return nil
}

// panicked is the error for a callback that panicked.
func panicked(value any) *engine.Error {
	return &engine.Error{
		Fault: engine.FaultLocal, Alert: iana.AlertInternalError, Err: panics.New(value),
		Reason: "a callback of this program panicked in a connection of DTLS",
		Hint:   "errors.As finds a *PanicError in this error, which has the stack",
	}
}
