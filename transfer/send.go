package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/sealsock/sealsock/internal/link"
	"github.com/sealsock/sealsock/message"
)

// SendOptions are those of a [Sender].
type SendOptions struct {
	// Dial connects to the relay, over TLS. It is called once for each receiver and once
	// more, and again when a connection has failed.
	Dial  func(context.Context) (net.Conn, error)
	Files *Files
	// Words is how many words the code has, each worth 8 bits; 0 means 2, and 16 is the
	// most.
	Words int
	// Receivers is how many receivers get the files; 0 means 1, and 40 is the most.
	Receivers int
	// Attempts is how many wrong codes end the code; 0 means 1.
	Attempts int
	// RelayOnly makes no direct connections, so that the receiver learns no address.
	RelayOnly bool
	// Notify, if set, is called with each event, and Progress with the bytes that a
	// receiver has or that are on their way. They may be called at the same time and must
	// not block.
	Notify   func(Event)
	Progress func(receiver int, done, total int64)

	loopback bool // use direct connections within this machine; for tests
}

const maxReceivers = 40

// A Sender offers files to the receivers that know its code.
type Sender struct {
	opts    SendOptions
	code    *Code
	meeting *meeting
	guard   *guard
	results chan *serving
	wg      sync.WaitGroup

	mu       sync.Mutex
	serving  map[*serving]bool
	finished int
	count    int // receivers that were accepted
}

// A serving is the transfer to one receiver.
type serving struct {
	sender  *Sender
	number  int
	cancel  context.CancelCauseFunc
	absence absence // of the receiver
	err     error
	done    bool // the receiver has everything; belongs to the lock of the sender
}

// NewSender finds a free number at the relay and makes a code. The error is that of the first
// connection.
func NewSender(ctx context.Context, opts SendOptions) (*Sender, error) {
	opts.Words = cmp.Or(opts.Words, defaultWords)
	opts.Receivers = cmp.Or(opts.Receivers, 1)
	opts.Attempts = cmp.Or(opts.Attempts, 1)
	if opts.Notify == nil {
		opts.Notify = func(Event) {}
	}
	if opts.Progress == nil {
		opts.Progress = func(int, int64, int64) {}
	}
	if opts.Dial == nil || !opts.Files.usable() || opts.Words < 1 || opts.Words > maxWords ||
		opts.Receivers < 1 || opts.Receivers > maxReceivers || opts.Attempts < 1 {
		return nil, fmt.Errorf("transfer: SendOptions need Dial and Files, 1 to %d Words, and 1 to "+
			"%d Receivers: %w", maxWords, maxReceivers, os.ErrInvalid)
	}
	m, number, err := meetAlone(ctx, opts.Dial, opts.Notify)
	if err != nil {
		return nil, err
	}
	s := &Sender{
		opts: opts, code: newCode(number, opts.Words), meeting: m,
		results: make(chan *serving), serving: make(map[*serving]bool),
	}
	s.guard = &guard{code: s.code, self: m.id, attempts: opts.Attempts, admit: s.admit}
	return s, nil
}

func (s *Sender) usable() bool { return s != nil && s.meeting != nil }

// Code returns the code, or nil for a zero Sender.
func (s *Sender) Code() *Code {
	if !s.usable() {
		return nil
	}
	return s.code
}

// Close ends a Sender whose Run was not called.
func (s *Sender) Close() error {
	if !s.usable() {
		return errNotMade
	}
	s.meeting.close()
	return nil
}

// Run serves receivers until Receivers of them have everything, and ends the Sender. It
// returns an error if a receiver refuses, if ctx ends, and when a wrong code was tried: a
// transfer that had begun is completed first. A receiver that fails or disappears may come
// again with the same code.
func (s *Sender) Run(ctx context.Context) error {
	if !s.usable() {
		return errNotMade
	}
	defer s.meeting.close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer s.wg.Wait()
	defer cancel(net.ErrClosed)
	defer context.AfterFunc(ctx, s.meeting.cancel)() // a relay may read nothing of what is sent
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case a := <-s.meeting.events:
			v := s.guard.take(a, time.Now())
			if v.accepted != nil {
				s.begin(ctx, v.accepted)
			}
			if v.wrong {
				s.opts.Notify(Event{Kind: Guessed})
			}
			if v.reply != nil {
				s.meeting.send(a.from, v.reply)
			}
		case r := <-s.results:
			if err := s.end(r); err != nil {
				return err
			}
		}
		if over, err := s.over(); over {
			return err
		}
	}
}

// over reports whether no receiver is left.
func (s *Sender) over() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.finished >= s.opts.Receivers:
		return true, nil
	case s.guard.attempts <= 0 && len(s.serving) == 0:
		return true, ErrWrongCode
	}
	return false, nil
}

// admit reports whether there is a place for another receiver. A receiver that is away gives
// up its place: it may have been restarted. One that has everything is away as well.
func (s *Sender) admit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.serving)+s.finished < s.opts.Receivers {
		return true
	}
	for v := range s.serving {
		if !v.done && v.absence.blocks() {
			v.cancel(ErrGone)
			v.absence.end()
			delete(s.serving, v)
			return true
		}
	}
	return false
}

// begin starts the transfer to a receiver.
func (s *Sender) begin(ctx context.Context, key *pairKey) {
	ctx, cancel := context.WithCancelCause(ctx)
	s.mu.Lock()
	s.count++
	v := &serving{sender: s, number: s.count, cancel: cancel}
	v.absence.notify = v.report
	s.serving[v] = true
	s.mu.Unlock()
	s.wg.Go(func() {
		defer cancel(nil)
		v.err = v.run(ctx, key)
		s.mu.Lock()
		v.done = v.err == nil
		s.mu.Unlock()
		select {
		case s.results <- v:
		case <-ctx.Done():
		}
	})
}

// end takes the result of a transfer. It returns an error that ends all.
func (s *Sender) end(v *serving) error {
	v.absence.end()
	s.mu.Lock()
	replaced := !s.serving[v]
	delete(s.serving, v)
	if v.err == nil {
		s.finished++
	}
	s.mu.Unlock()
	switch {
	case v.err == nil:
		v.report(Event{Kind: Finished})
	case errors.Is(v.err, ErrRefused) && s.opts.Receivers == 1,
		errors.Is(v.err, ErrChanged), errors.Is(v.err, errFile):
		return v.err // no other receiver can get what was offered
	case !replaced:
		v.report(Event{Kind: Failed, Err: v.err})
	}
	return nil
}

// report passes an event on with the number of the receiver.
func (v *serving) report(e Event) {
	e.Receiver = v.number
	v.sender.opts.Notify(e)
}

// linked takes an event of the link.
func (v *serving) linked(e link.Event) {
	switch e.Kind {
	case link.Left, link.Joined:
		v.absence.set(e.Kind == link.Left)
	case link.Suspect:
		v.report(Event{Kind: Suspect, Err: e.Err})
	}
}

// run sends the files to a receiver.
func (v *serving) run(ctx context.Context, key *pairKey) error {
	p, err := enter(ctx, v.sender.opts.Dial, key, true, v.linked)
	if err != nil {
		return gone(err)
	}
	defer p.close()
	v.report(Event{Kind: Met})
	stop := context.AfterFunc(ctx, func() { p.conn.GiveUp(context.Cause(ctx)) })
	defer stop()
	err = causeOf(ctx, v.route(ctx, p))
	if err != nil && ctx.Err() == nil && !failing(err) && !errors.Is(err, ErrOther) {
		p.tell(frameFailed, err)
	}
	return gone(err)
}

// route sends the files directly, if that can be, and through the relay otherwise.
func (v *serving) route(ctx context.Context, p *pair) error {
	d, err := v.findDirect(ctx, p)
	if d != nil {
		err = v.deliver(ctx, d.frames, RouteDirect)
		d.close()
		v.absence.setDirect(false)
		if err == nil {
			return nil
		}
	}
	switch {
	case err == nil: // the receiver has chosen the relay
	case d == nil && err != errNotDirect, !failing(err), ctx.Err() != nil:
		return err
	default:
		v.report(Event{Kind: Fallback, Err: err})
		if _, err := p.frames.expect(frameAgain); err != nil {
			return err
		}
	}
	return v.deliver(ctx, p.frames, RouteRelay)
}

// deliver sends the files over one connection.
func (v *serving) deliver(ctx context.Context, f *frames, route string) error {
	v.report(Event{Kind: Started, Route: route})
	d := &delivery{files: v.sender.opts.Files, frames: f, notify: v.report,
		count: func(done int64) {
			v.sender.opts.Progress(v.number, done, v.sender.opts.Files.Bytes())
		}}
	return d.run(ctx)
}

// findDirect returns the direct connection that the receiver has chosen, or nil.
func (v *serving) findDirect(ctx context.Context, p *pair) (*direct, error) {
	var l *directListener
	var addrs []netip.AddrPort
	if !v.sender.opts.RelayOnly {
		key, err := p.directKey()
		if err != nil {
			return nil, err
		}
		if l, addrs = listenDirect(ctx, key, v.sender.opts.loopback); l != nil {
			defer l.close()
		}
	}
	if err := p.frames.send(frameAddresses, addressBody(addrs)); err != nil {
		return nil, err
	}
	route, err := p.frames.expect(frameRoute)
	switch {
	case err != nil:
		return nil, err
	case len(route) != 1 || route[0] > 1 || route[0] == 1 && l == nil:
		return nil, protocolError("the choice of a connection")
	case route[0] == 0:
		return nil, nil
	}
	d, err := l.await(ctx)
	if err == nil {
		v.absence.setDirect(true)
		context.AfterFunc(ctx, d.close)
	}
	return d, err
}

// SendTo sends files over a connection to a peer that uses [ReceiveFrom]. Both must have
// verified each other. It returns when the peer has stored everything, and does not close
// conn. If ctx ends, conn is of no further use.
func SendTo(
	ctx context.Context, conn net.Conn, files *Files, progress func(done, total int64),
) error {
	if conn == nil || !files.usable() {
		return errNotMade
	}
	if progress == nil {
		progress = func(_, _ int64) {}
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	f := newFrames(message.New(conn, message.Options{Limit: maxFrame}))
	d := &delivery{files: files, frames: f, notify: func(Event) {},
		count: func(done int64) { progress(done, files.Bytes()) }}
	err := causeOf(ctx, d.run(ctx))
	if err != nil && ctx.Err() == nil && !failing(err) && !errors.Is(err, ErrOther) {
		f.send(frameFailed, textFor(err))
	}
	return err
}
