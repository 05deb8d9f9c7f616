package sealsock

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/panics"
)

// A Handshake describes a handshake that has ended, for Config.OnHandshake.
type Handshake struct {
	Conn     *Conn         // State and Peer are complete if Err is nil
	Server   bool          // this side is the server
	Duration time.Duration // from the first call that ran the handshake
	// Err is nil if the handshake succeeded. It is an *engine.Error, which has the side at
	// fault, an error of the connection below, or what made the program give up: the end
	// of its context, a deadline, or net.ErrClosed for a Conn that it closed.
	Err error
}

// LogValue returns what a log has of a handshake: which side this is, how long it took, and
// either the facts of the connection, as Conn.LogValue has them, or its remote address, the
// error, whose fault that is, and the alert, if there was one. It has no secrets.
func (h Handshake) LogValue() slog.Value {
	role := "client"
	if h.Server {
		role = "server"
	}
	attrs := []slog.Attr{slog.String("role", role), slog.Duration("duration", h.Duration)}
	if h.Err == nil && h.Conn != nil {
		return slog.GroupValue(append(attrs, h.Conn.LogValue().Group()...)...)
	}
	if h.Err == nil {
		return slog.GroupValue(attrs...)
	}
	if remote := h.Conn.RemoteAddr(); remote != nil {
		attrs = append(attrs, slog.String("remote", remote.String()))
	}
	attrs = append(attrs, slog.String("error", h.Err.Error()))
	var e *engine.Error
	if errors.As(h.Err, &e) {
		attrs = append(attrs, slog.String("fault", e.Fault.String()))
		if e.Alert != iana.AlertCloseNotify {
			attrs = append(attrs, slog.String("alert", e.Alert.String()))
		}
	}
	return slog.GroupValue(attrs...)
}

// A watch observes one handshake for Config.OnHandshake.
type watch struct {
	report func(Handshake)

	mu       sync.Mutex
	began    time.Time
	last     error // which has interrupted the handshake, or ended it
	final    bool
	reported chan struct{} // closed after report has returned
}

// observe makes c report its handshake. Nothing has run it yet.
func (c *Conn) observe() {
	if report := c.cfg.OnHandshake; report != nil {
		c.watch.Store(&watch{report: report, reported: make(chan struct{})})
	}
}

// watching reports whether the handshake of c is observed and has not ended.
func (c *Conn) watching() bool { return c != nil && c.watch.Load() != nil }

// observed calls run, which runs the handshake as far as it needs, and reports the handshake
// once it has ended.
func (c *Conn) observed(run func() error) error {
	if !c.watching() {
		return run()
	}
	w := c.watch.Load()
	if w == nil {
		return run()
	}
	w.begin()
	err := run()
	if c.HandshakeDone() {
		return cmp.Or(c.ended(w, nil), err)
	}
	if err != nil {
		if final := w.failed(err); final != nil {
			return cmp.Or(c.ended(w, final), err)
		}
	}
	return err
}

// begin notes when the handshake began.
func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.began.IsZero() {
		w.began = time.Now()
	}
}

// failed notes an error that a call has returned. If the handshake has ended with one, perhaps
// in another call, failed returns that.
func (w *watch) failed(err error) (final error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.final {
		return w.last
	}
	w.last = err
	return nil
}

// end notes the final error of the handshake.
func (w *watch) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.final {
		w.last, w.final = err, true
	}
}

// ended reports a handshake that has ended with err, or with success if that is nil. If another
// call does so, ended waits for it: a call of the callback's own finds no watch any more. A panic
// in the callback ends the connection, and is the error that ended returns.
func (c *Conn) ended(w *watch, err error) (failed error) {
	if !c.watch.CompareAndSwap(w, nil) {
		<-w.reported
		return nil
	}
	defer close(w.reported)
	w.mu.Lock()
	began := w.began
	w.mu.Unlock()
	if began.IsZero() {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			failed = &engine.Error{
				Fault: engine.FaultLocal, Alert: iana.AlertInternalError,
				Reason: "the callback OnHandshake of Config panicked",
				Err:    errors.Join(panics.New(v), err),
			}
			c.below().Abort(iana.AlertInternalError)
		}
	}()
	w.report(Handshake{Conn: c, Server: c.to == nil, Duration: time.Since(began), Err: err})
	return nil
}

// abandoned reports a handshake that the program does not continue, for cause, or if that is nil
// for what has interrupted it.
func (c *Conn) abandoned(cause error) {
	if !c.watching() {
		return
	}
	w := c.watch.Load()
	switch {
	case w == nil:
	case c.HandshakeDone():
		_ = c.ended(w, nil)
	default:
		w.mu.Lock()
		cause = cmp.Or(cause, w.last, net.ErrClosed)
		w.mu.Unlock()
		_ = c.ended(w, cause)
	}
}

// awaitOpen runs the handshake of a connection that is observed, for a method that would run it
// without a report.
func (c *Conn) awaitOpen(ctx context.Context) error {
	if !c.watching() {
		return nil
	}
	return c.HandshakeContext(ctx)
}
