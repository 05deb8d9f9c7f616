package stream

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// A Conn is a TLS connection over a net.Conn. Any of its methods may be called
// from any goroutine.
type Conn struct {
	raw  net.Conn
	opts Options

	handshake mutex     // held during the handshake, outside the other two
	until     time.Time // when Options.Timeout ends; zero before the first call
	open      atomic.Bool
	closing   atomic.Bool
	settled   atomic.Bool                  // the engine's own state will not change
	alerted   atomic.Bool                  // the peer was sent a fatal alert
	state     atomic.Pointer[engine.State] // once open, to be read without a lock
	broken    atomic.Pointer[error]        // what ended the connection for both halves

	in    reading
	out   writing
	early early
	late  late
	rest  *rest // once open

	deadlines struct {
		sync.Mutex
		read, write time.Time
		writes      atomic.Bool // write is set
	}
}

var _ net.Conn = (*Conn)(nil)

// closeTimeout bounds the time to send the last records of a connection.
const closeTimeout = 5 * time.Second

// closeAtOnce is the time for what does not wait for the peer.
const closeAtOnce = 20 * time.Millisecond

// New returns a Conn over raw, which it takes over. The handshake happens with
// Handshake, or with the first Read or Write.
func New(raw net.Conn, r *engine.Receiver, s *engine.Sender, opts Options) *Conn {
	c := new(Conn)
	c.Begin(raw, r, s, opts)
	return c
}

// Begin makes c, which is the zero value, what New returns.
func (c *Conn) Begin(raw net.Conn, r *engine.Receiver, s *engine.Sender, opts Options) {
	c.raw, c.opts = raw, opts
	c.in.recv, c.in.source = r, newSource(c, raw)
	c.out.send = s
}

// NetConn returns the connection below. Reading or writing it breaks this one.
func (c *Conn) NetConn() net.Conn {
	if !c.Made() {
		return nil
	}
	return c.raw
}

// LocalAddr returns the address of this side.
func (c *Conn) LocalAddr() net.Addr {
	if !c.Made() {
		return nil
	}
	return c.raw.LocalAddr()
}

// RemoteAddr returns the address of the peer.
func (c *Conn) RemoteAddr() net.Addr {
	if !c.Made() {
		return nil
	}
	return c.raw.RemoteAddr()
}

// State returns what is known of the connection. It is complete once the
// handshake is done.
func (c *Conn) State() engine.State {
	if !c.Made() {
		return engine.State{}
	}
	if s, ok := c.known(); ok {
		return s
	}
	c.handshake.Lock()
	defer c.handshake.Unlock()
	// The handshake may be done by now, and a late certificate about to change
	// what the engine's own state is.
	if s, ok := c.known(); ok {
		return s
	}
	return c.in.recv.State() // nothing but a handshake changes it
}

// known returns the state once the handshake is done.
func (c *Conn) known() (engine.State, bool) {
	if s := c.state.Load(); s != nil {
		return *s, true
	}
	if c.settled.Load() {
		return c.in.recv.State(), true
	}
	return engine.State{}, false
}

// proved records that the peer is proved. The receiving half is held.
func (c *Conn) proved() {
	if c.in.recv.Settled() {
		c.settled.Store(true) // any goroutine may read it from now on
	} else {
		s := c.in.recv.State()
		c.state.Store(&s)
	}
	if c.opts.Owner != nil {
		c.opts.Owner.Proved()
	}
}

// HandshakeDone reports whether the peer is proved.
func (c *Conn) HandshakeDone() bool { return c.Made() && c.open.Load() }

// Handshake runs the handshake, unless it is done already, until ctx ends.
func (c *Conn) Handshake(ctx context.Context) error {
	if !c.Made() {
		return ErrNotMade
	}
	if c.open.Load() {
		return nil
	}
	return c.handshakeUntil(ctx, func() bool { return false })
}

// handshakeUntil runs the handshake until it is done or enough returns true.
func (c *Conn) handshakeUntil(ctx context.Context, enough func() bool) error {
	if err := c.handshake.LockContext(ctx); err != nil {
		return err
	}
	defer c.handshake.Unlock()
	if c.open.Load() {
		return nil
	}
	if err := c.brokenBy(); err != nil {
		return err
	}
	GrowStack() // first: also what follows needs more than a goroutine starts with
	release := c.interruptible(ctx, true, true)
	defer release()
	ctx, bound := c.within(ctx)
	defer bound.end()
	err := c.interrupted(ctx, c.runHandshake(ctx, enough))
	if err != nil && c.opts.TimedOut != nil && context.Cause(ctx) == c.opts.TimedOut {
		return c.fatal(err)
	}
	return err
}

// interruptible makes the end of ctx interrupt reads or writes below, or both.
// The function it returns restores those deadlines, and no others, which another
// goroutine may use.
func (c *Conn) interruptible(ctx context.Context, read, write bool) (release func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		c.interrupt(read, write)
		close(fired)
	})
	return func() {
		if stop() {
			return
		}
		<-fired
		c.restore(read, write)
	}
}

// interrupt ends reads or writes below, or both.
func (c *Conn) interrupt(read, write bool) {
	past := time.Unix(1, 0)
	c.setBelow(read, past, write, past)
}

// restore sets the deadlines below that the caller has set, after interrupt.
func (c *Conn) restore(read, write bool) {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	c.setBelow(read, c.deadlines.read, write, c.deadlines.write)
}

func (c *Conn) setBelow(read bool, reading time.Time, write bool, writing time.Time) {
	if read {
		c.raw.SetReadDeadline(reading)
	}
	if write {
		c.raw.SetWriteDeadline(writing)
	}
}

// runHandshake holds both halves until the peer is proved.
func (c *Conn) runHandshake(ctx context.Context, enough func() bool) error {
	c.in.Lock()
	defer c.in.Unlock()
	c.out.Lock()
	defer c.out.Unlock()
	if c.in.done {
		return c.finishHandshake()
	}
	var ev engine.Event // which is large
	for !enough() {
		if err := c.handshakeStep(ctx, &ev); err != nil {
			return err
		}
		c.noteEarly(&ev)
		switch ev.Kind {
		case engine.EventHandshakeDone:
			c.in.done = true
			if err := c.check(); err != nil {
				return err
			}
			return c.finishHandshake()
		case engine.EventClosed:
			return c.fatal(refused)
		case engine.EventWaiting:
			if err := c.answer(ctx, ev.Question); err != nil {
				return err
			}
		case engine.EventWantRead:
			if err := c.awaitPeer(ev.Need); err != nil {
				return err
			}
		}
	}
	if err := c.out.flush(c.in.source); err != nil {
		return c.transport("write", err)
	}
	return nil
}

// handshakeStep takes one step of the handshake and sets ev to the event. If it fails, it sends the
// alert.
func (c *Conn) handshakeStep(ctx context.Context, ev *engine.Event) error {
	if err := c.work(ctx); err != nil {
		return err
	}
	err := c.in.step(nil, ev)
	c.worked()
	if plaintext(err) {
		return c.fatal(err) // an alert would be in the way of an answer in plaintext
	}
	c.out.mail.put(ev.Reply)
	if err != nil {
		c.alerted.Store(!ev.Reply.Empty())
		c.lastWords()
		return c.fatal(err)
	}
	return nil
}

// plaintext reports whether err is that of a peer that does not use TLS.
func plaintext(err error) bool {
	if err == nil {
		return false // before what follows takes memory
	}
	var e *engine.Error
	return errors.As(err, &e) && e.Plaintext != nil
}

// awaitPeer sends what the peer needs before it answers, and reads the answer.
func (c *Conn) awaitPeer(need int) error {
	// What is not urgent waits: on a connection without buffers the peer may
	// still be writing what has to be read first.
	if c.out.mail.urgent.Load() || len(c.out.unsent) > 0 {
		if err := c.out.flush(c.in.source); err != nil {
			return c.transport("write", err)
		}
	}
	if err := c.in.fill(need); err != nil {
		return c.transport("read", err)
	}
	return nil
}

// work waits for a place in Options.Work. worked gives it back.
func (c *Conn) work(ctx context.Context) error {
	if c.opts.Work == nil {
		return nil
	}
	select {
	case c.opts.Work <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Conn) worked() {
	if c.opts.Work != nil {
		<-c.opts.Work
	}
}

// finishHandshake sends what is left to send. A deadline may interrupt it, so it
// may be called again.
func (c *Conn) finishHandshake() error {
	err := c.out.flush(c.in.source)
	if err == nil {
		err = c.resendEarly()
	}
	if err != nil {
		return c.transport("write", err)
	}
	c.in.giveBack()
	c.proved()
	c.setOpen()
	return nil
}

// lastWords sends the alert of a failure. It does not wait for long: a peer that
// breaks the rules may also not read. The sending half is held.
func (c *Conn) lastWords() {
	c.limitWrites()
	c.out.flush(c.in.source)
}

var refused = &engine.Error{Fault: engine.FaultAlert, Reason: "it closed the connection before the handshake was complete"}

var errNoAnswer = &engine.Error{Fault: engine.FaultUsage, Reason: "a callback returned ErrPending, which this Conn does not support"}

// fatal ends both halves with err.
func (c *Conn) fatal(err error) error {
	if c.opts.Owner != nil && c.broken.Load() == nil {
		c.opts.Owner.Failed(err)
	}
	c.broken.CompareAndSwap(nil, &err)
	return err
}

func (c *Conn) brokenBy() error {
	if p := c.broken.Load(); p != nil {
		return *p
	}
	return nil
}

// transport returns the error for a failure of the connection below. A deadline is
// not final; an end without close_notify is a truncation.
func (c *Conn) transport(op string, err error) error {
	switch {
	case isTimeout(err):
		if broken := c.brokenBy(); broken != nil {
			return broken // the deadline was not the caller's
		}
		return err
	case errors.Is(err, io.EOF) && op == "read":
		if c.opts.AllowTruncation && c.open.Load() && len(c.in.buffered()) == 0 {
			return io.EOF
		}
		return c.fatal(c.truncated())
	case errors.Is(err, net.ErrClosed) && c.closing.Load():
		return err
	}
	return c.fatal(err)
}

// truncated is the error for a connection that ended without close_notify.
func (c *Conn) truncated() error {
	if !c.open.Load() {
		return &engine.Error{
			Fault: engine.FaultTransport, Reason: "the peer closed the connection during the handshake", Err: io.ErrUnexpectedEOF,
			Hint: "the peer may not use TLS, or closed the connection without an alert",
		}
	}
	return &engine.Error{
		Fault: engine.FaultTransport, Reason: "the connection ended without close_notify", Err: io.ErrUnexpectedEOF,
		Hint: "the received data may be incomplete",
	}
}

// Close sends what is waiting and close_notify, or the alert of a failure, and closes the
// connection below. It waits for the peer until closeDeadline, and lingers after an alert.
func (c *Conn) Close() error {
	if !c.Made() {
		return ErrNotMade
	}
	if !c.closing.CompareAndSwap(false, true) {
		return c.closedError("close")
	}
	var lost error
	if c.lockForClose() {
		lost = c.closeTimeout()
		c.out.Unlock()
	}
	if c.alerted.Load() {
		c.linger()
	}
	if err := c.raw.Close(); err != nil {
		return err
	}
	c.in.release()
	return lost
}

// lockForClose locks the sending half if there is something to send before the
// connection below is closed. It waits for a write under way only if there is an alert to
// send, in the mailbox or with that write, whose time forward has bounded.
func (c *Conn) lockForClose() bool {
	if c.brokenBy() == nil {
		return c.open.Load() && c.out.TryLock()
	}
	// The kernel may have records, which a peer that sends no more may still read.
	if on, _ := c.KernelTLS(); on && c.out.TryLock() {
		return true
	}
	if !c.out.mail.full.Load() && !c.alerted.Load() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return c.out.LockContext(ctx) == nil
}

// closeTimeout sends what is waiting and then close_notify, or the alert of a failure.
// It returns an error if something written before is lost. The sending half is held.
func (c *Conn) closeTimeout() error {
	until := c.closeDeadline()
	c.raw.SetWriteDeadline(until)
	err := c.out.flush(c.in.source)
	if c.brokenBy() != nil {
		return c.drain(until) // the error of the failure was returned before
	}
	if err == nil {
		c.out.closeNotify(c.in.source) // the peer may be gone, and that is no loss
		err = c.drain(until)
	}
	return err
}

// CloseWrite sends close_notify.
func (c *Conn) CloseWrite() error {
	if !c.Made() {
		return ErrNotMade
	}
	if !c.open.Load() {
		return &engine.Error{Fault: engine.FaultUsage, Reason: "the handshake is not complete: CloseWrite needs an open connection"}
	}
	c.out.Lock()
	defer c.unlockOut()
	return c.endWriting()
}

// endWriting sends close_notify. The sending half is held.
func (c *Conn) endWriting() error {
	if c.closing.Load() {
		return c.closedError("close") // the sending half may be another's: see Detach
	}
	if err := c.out.closeNotify(c.in.source); err != nil {
		return c.transport("write", err)
	}
	return nil
}

func (c *Conn) closedError(op string) error { return c.opError(op, net.ErrClosed) }

func (c *Conn) opError(op string, err error) error {
	local, remote := c.raw.LocalAddr(), c.raw.RemoteAddr()
	return &net.OpError{Op: op, Net: local.Network(), Source: local, Addr: remote, Err: err}
}
