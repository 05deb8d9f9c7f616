package stream

import (
	"context"
	"errors"
	"os"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/panics"
)

// Made reports whether c has a connection below: nil and the zero value have none.
func (c *Conn) Made() bool { return c != nil && c.raw != nil }

// ErrNotMade is the error of the methods of a Conn without a connection below.
var ErrNotMade = &engine.Error{
	Fault: engine.FaultUsage, Reason: "this Conn has no connection below", Err: os.ErrInvalid,
	Hint: "take a Conn from Dial, Client, Server or a Listener of package sealsock",
}

// panicked is the error for a callback that panicked. It ends the connection: what
// the engine was doing is half done.
func panicked(value any) *engine.Error {
	return &engine.Error{
		Fault: engine.FaultLocal, Alert: iana.AlertInternalError,
		Reason: "a callback of this program panicked",
		Err:    panics.New(value),
		Hint:   "errors.As finds a *PanicError in this error, which has the stack",
	}
}

// step gives the engine what is buffered, and p for application data. It returns a panic in a
// callback as an error. The event, which is large, goes to the caller's memory.
func (in *reading) step(p []byte, ev *engine.Event) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v)
			*ev = engine.Event{Reply: in.abort(err)}
		}
	}()
	n, err := in.recv.ReceiveTo(ev, p, in.buffered())
	in.r += n
	return err
}

// abort ends the receiving half with err and returns the alert for the peer.
func (in *reading) abort(err error) (alert engine.Outgoing) {
	defer func() {
		if recover() != nil { // a callback for the end panicked too
			alert = engine.EndWith(err)
		}
	}()
	return in.recv.Abort(err)
}

// resume gives the engine an answer. After a panic in a callback it returns the
// alert for the peer, and the engine has failed.
func (in *reading) resume(a engine.Answer) (alert engine.Outgoing, err error) {
	defer func() {
		if v := recover(); v != nil {
			alert, err = in.abort(panicked(v)), nil
		}
	}()
	return engine.Outgoing{}, in.recv.Resume(a)
}

// ask finds an answer. A panic in a callback refuses.
func (c *Conn) ask(ctx context.Context, q engine.Question) (a engine.Answer, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v)
		}
	}()
	if c.opts.Owner == nil {
		return a, errNoAnswer
	}
	return c.opts.Owner.Answer(ctx, q)
}

// check calls Owner.Check. An error, or a panic, ends the connection with its alert.
// Both halves are held.
func (c *Conn) check() (failed error) {
	if !c.opts.Checks || c.opts.Owner == nil {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			failed = panicked(v)
		}
		if failed != nil {
			c.out.mail.put(c.in.abort(failed))
			c.alerted.Store(true)
			c.lastWords()
			c.fatal(failed)
		}
	}()
	c.proved()
	return c.opts.Owner.Check()
}

// answer finds the answer to a question of the engine and resumes the engine with it.
func (c *Conn) answer(ctx context.Context, q engine.Question) error {
	a, err := c.ask(ctx, q)
	switch {
	case err == nil:
	case ended(ctx, err):
		return context.Cause(ctx) // the next Handshake asks again
	default:
		a = engine.Refuse(err)
	}
	if err := c.work(ctx); err != nil {
		return err
	}
	defer c.worked()
	alert, err := c.in.resume(a)
	c.out.mail.put(alert)
	if err != nil {
		return c.fatal(err)
	}
	return nil
}

// ended reports whether err is nothing but the end of ctx.
func ended(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)))
}

// offer hands a session to the owner. A panic there ends the connection.
func (c *Conn) offer(s *engine.Session) (failed error) {
	defer func() {
		if v := recover(); v != nil {
			err := panicked(v)
			c.in.err = c.fatal(err)
			c.forward(c.in.abort(err), err)
			failed = err
		}
	}()
	if c.opts.Owner != nil {
		c.opts.Owner.Session(s)
	}
	return nil
}

// A sealFunc appends records that it makes with the engine's sending half.
type sealFunc func(s *engine.Sender, dst []byte) ([]byte, error)

// seal appends what use makes with the engine's sending half. After a panic in a
// callback that half cannot be used any more: the error is final, and what is
// returned with it is an alert.
func (out *writing) seal(dst []byte, use sealFunc) (sealed []byte, err error) {
	if failed := out.failed(); failed != nil {
		return dst, failed
	}
	defer func() {
		if v := recover(); v != nil {
			out.seldom().failed = panicked(v)
			sealed, err = out.lastAlert(dst), out.failed()
		}
	}()
	return use(out.send, dst)
}

// lastAlert appends the alert of out.failed.
func (out *writing) lastAlert(dst []byte) (sealed []byte) {
	defer func() {
		if recover() != nil { // a callback for the alert panicked too
			sealed = dst
		}
	}()
	sealed, err := out.send.Apply(dst, engine.EndWith(out.failed()))
	if err != nil {
		return dst
	}
	return sealed
}
