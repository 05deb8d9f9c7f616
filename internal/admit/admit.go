package admit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/panics"
)

// Options configure how a Listener admits connections of type C.
type Options[C net.Conn] struct {
	// Total bounds the connections that Accept has not returned yet, and
	// PerAddress the handshakes of one address: an IPv4 address, or an IPv6
	// network of 64 bits. 0 means the default; a negative number means no
	// bound.
	Total, PerAddress int
	// Handshake runs the handshake over raw until ctx ends, and closes raw if
	// it fails.
	Handshake func(ctx context.Context, raw net.Conn) (C, error)
	// Refused, if set, receives the error of each handshake that failed.
	Refused func(peer net.Addr, err error)
}

// A PeerError is the error of a handshake with a peer that is not that of the connection
// below, since the header of a proxy named it.
type PeerError struct {
	Peer net.Addr
	Err  error
}

// Error describes the error of the handshake.
func (e *PeerError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the handshake.
func (e *PeerError) Unwrap() error { return e.Err }

// The defaults of Options.
const (
	DefaultTotal      = 8192
	DefaultPerAddress = 1024
)

// A Listener accepts connections whose handshake is done.
type Listener[C net.Conn] struct {
	inner net.Listener
	opts  Options[C]
	table *table
	ready chan C
	do    func(C) // of Serve, in place of ready
	start sync.Once
	busy  sync.WaitGroup // of handshakes
	end   context.Context
	stop  context.CancelCauseFunc
}

// New returns a Listener over inner, which it takes over. It accepts from the
// first call of Accept on.
func New[C net.Conn](inner net.Listener, opts Options[C]) *Listener[C] {
	l := &Listener[C]{
		inner: inner, opts: opts, ready: make(chan C),
		table: newTable(bound(opts.Total, DefaultTotal), bound(opts.PerAddress, DefaultPerAddress)),
	}
	l.end, l.stop = context.WithCancelCause(context.Background())
	return l
}

func bound(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// errNotMade is the error of a nil Listener, such as the one in the zero value of a type
// that holds one.
var errNotMade = &engine.Error{
	Fault: engine.FaultUsage, Alert: iana.AlertInternalError,
	Reason: "this Listener is nil or a zero value", Err: os.ErrInvalid,
	Hint: "a Listener comes from Listen, ListenAddress or NewListener",
}

// Accept returns the next connection whose handshake is done. It is a C.
func (l *Listener[C]) Accept() (net.Conn, error) {
	c, err := l.AcceptConn(context.Background())
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptConn is Accept with a context and its true type.
func (l *Listener[C]) AcceptConn(ctx context.Context) (C, error) {
	var none C
	if l == nil {
		return none, errNotMade
	}
	l.start.Do(func() { go l.serve() })
	select {
	case c := <-l.ready:
		return c, nil
	case <-ctx.Done():
		return none, context.Cause(ctx)
	case <-l.end.Done():
		return none, context.Cause(l.end)
	}
}

// Serve is for a Listener of which Accept is not called. It calls do with each connection whose
// handshake is done, on the goroutine of that handshake. It returns once the Listener has ended
// and each do has returned.
func (l *Listener[C]) Serve(do func(C)) {
	l.start.Do(func() {
		l.do = do
		l.serve()
	})
	l.busy.Wait()
}

// Close stops listening. Connections that Accept has returned stay open;
// handshakes under way end.
func (l *Listener[C]) Close() error {
	if l == nil {
		return errNotMade
	}
	err := l.inner.Close()
	addr := l.inner.Addr()
	l.stop(&net.OpError{Op: "accept", Net: addr.Network(), Addr: addr, Err: net.ErrClosed})
	return err
}

// Addr returns the address that is listened on, and nil for a nil Listener.
func (l *Listener[C]) Addr() net.Addr {
	if l == nil {
		return nil
	}
	return l.inner.Addr()
}

// Pauses after a failure to accept that may pass.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = time.Second
)

// serve accepts connections below and starts their handshakes.
func (l *Listener[C]) serve() {
	for pause := time.Duration(0); ; {
		raw, err := l.inner.Accept()
		if err != nil {
			if !transient(err) {
				if errors.Is(err, io.EOF) {
					l.busy.Wait() // a listener that has no more connections
				}
				l.stop(err)
				return
			}
			if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
				l.table.endOldest(errDescriptors)
			}
			pause = min(max(2*pause, shortestPause), longestPause)
			select {
			case <-time.After(pause):
			case <-l.end.Done():
				return
			}
			continue
		}
		pause = 0
		ctx, e := l.table.enter(l.end, raw.RemoteAddr())
		if e == nil { // the Listener has ended
			raw.Close()
			return
		}
		l.busy.Go(func() { l.handshake(ctx, raw, e) })
	}
}

// transient reports whether accepting may continue: a client that hung up before
// its turn, or a lack of file descriptors that will pass, is no reason to stop.
func transient(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// handshake runs one handshake and hands its connection to Accept or Serve.
func (l *Listener[C]) handshake(ctx context.Context, raw net.Conn, e *entry) {
	c, ok := l.admit(ctx, raw, e)
	l.table.leave(e)
	switch {
	case !ok || l.do == nil:
	case l.end.Err() != nil:
		c.Close()
	default:
		l.do(c)
	}
}

// admit runs one handshake. It hands the connection to Accept, unless Serve runs.
func (l *Listener[C]) admit(ctx context.Context, raw net.Conn, e *entry) (c C, ok bool) {
	c, err := l.guarded(ctx, raw)
	if err != nil {
		peer := raw.RemoteAddr()
		var other *PeerError
		if errors.As(err, &other) {
			peer, err = other.Peer, other.Err
		}
		if l.opts.Refused != nil && l.end.Err() == nil {
			l.refused(peer, err)
		}
		return c, false
	}
	if l.do != nil {
		return c, true
	}
	l.table.done(e)
	select {
	case l.ready <- c:
	case <-l.end.Done():
		c.Close()
	}
	return c, true
}

// guarded runs Options.Handshake and makes a panic in it an error.
func (l *Listener[C]) guarded(ctx context.Context, raw net.Conn) (c C, err error) {
	defer func() {
		if v := recover(); v != nil {
			raw.Close()
			err = panics.New(v)
		}
	}()
	return l.opts.Handshake(ctx, raw)
}

// refused reports err. If the callback panics, it is called once more, with that
// panic as an error.
func (l *Listener[C]) refused(peer net.Addr, err error) {
	defer func() {
		if v := recover(); v != nil {
			defer func() { _ = recover() }()
			l.opts.Refused(peer, fmt.Errorf("the callback for refused clients: %w", panics.New(v)))
		}
	}()
	l.opts.Refused(peer, err)
}
