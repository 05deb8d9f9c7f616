package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// bufferSize is how much is copied at once. A read of a connection returns the
// plaintext of a few records, 64 KiB.
const bufferSize = 128 << 10

// An exchange carries input to the peer and what the peer sends to the output,
// both at once, until both have ended.
//
// At the end of the input the exchange sends close_notify, and it continues until
// the peer has ended too. A peer that ends first may still read: the input is sent to
// its end, unless a user types it or the connection is closed.
type exchange struct {
	conn        tlsConn
	in          *inputReader
	out         io.Writer
	typed       bool            // a user types the input
	piped       bool            // another program writes the input
	meter       *meter          // of the input; nil for none
	again       <-chan struct{} // the user asks for another connection; nil for never
	closed      func()          // called if the peer ends first while a user types; may be nil
	unsure      func()          // called if the peer may still be storing data; may be nil
	got         int64
	sent        int64       // of the sending half, which has ended when others read it
	idle        atomic.Bool // the sending half waits for input
	ended       atomic.Bool // the input ended: close_notify is or was sent
	sendDone    chan error  // the end of the sending half
	receiveDone chan error  // the end of the receiving half
}

// A tlsConn is a connection of the engine, or one of package legacy.
type tlsConn interface {
	net.Conn
	CloseWrite() error
	NetConn() net.Conn
}

// closeTimeout bounds the time of an orderly end once there is a reason to stop.
const closeTimeout = 2 * time.Second

// run returns nil if both directions ended in order.
func (x *exchange) run(ctx context.Context) error {
	x.sendDone, x.receiveDone = make(chan error, 1), make(chan error, 1)
	sending, stop := context.WithCancel(ctx)
	var sender sync.WaitGroup
	sender.Go(func() { x.sendDone <- x.send(sending) })
	go func() { x.receiveDone <- x.receive() }()
	defer func() {
		stop()
		x.conn.Close()
		sender.Wait() // the input may go to another connection next
	}()
	select {
	case <-ctx.Done():
		return x.interrupt(ctx)
	case <-x.again:
		x.conn.SetWriteDeadline(time.Now().Add(closeTimeout)) // a write may be stuck
		x.conn.CloseWrite()
		return errReconnect
	case err := <-x.sendDone:
		return x.afterSending(ctx, err)
	case err := <-x.receiveDone:
		return x.afterReceiving(ctx, err)
	}
}

// errReconnect is the end of an exchange after which another connection follows.
var errReconnect = errors.New("the user asks for another connection")

// send carries the input. It returns nil after close_notify went out.
func (x *exchange) send(ctx context.Context) error {
	for {
		x.idle.Store(true)
		b, err := x.in.next(ctx)
		x.idle.Store(false)
		switch {
		case err == io.EOF:
			return x.endInput(ctx)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return &halfError{"input", err}
		}
		n, err := x.conn.Write(b)
		x.sent += int64(n)
		if err != nil {
			return &halfError{"send", err}
		}
		x.meter.add(len(b))
	}
}

// signalDelay is how long the end of piped input waits for a signal. Ctrl-C reaches
// all programs of a pipeline: it ends the one that writes the input, and that end
// must not be taken for the end of the data.
const signalDelay = 25 * time.Millisecond

// endInput sends close_notify at the end of the input.
func (x *exchange) endInput(ctx context.Context) error {
	if x.piped {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(signalDelay):
		}
		if ctx.Err() != nil { // it ended in the same moment, on a busy machine
			return context.Cause(ctx)
		}
	}
	x.ended.Store(true)
	if err := x.conn.CloseWrite(); err != nil {
		return &halfError{"send", err}
	}
	return nil
}

// receive carries what the peer sends. It returns nil after the peer's close_notify.
func (x *exchange) receive() error {
	buf := make([]byte, bufferSize)
	for {
		n, err := x.conn.Read(buf)
		x.got += int64(n)
		if n > 0 {
			if _, err := x.out.Write(buf[:n]); err != nil {
				return &halfError{"output", err}
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return &halfError{"receive", err}
		}
	}
}

// halfError is an error with the end that failed, one of four.
type halfError struct {
	end string // "input", "send", "receive" or "output"
	err error
}

func (h *halfError) Error() string { return h.err.Error() }
func (h *halfError) Unwrap() error { return h.err }

// afterSending completes the exchange once the sending half has ended.
func (x *exchange) afterSending(ctx context.Context, err error) error {
	if err == nil {
		select {
		case err := <-x.receiveDone:
			return x.afterBoth(ctx, err)
		case <-ctx.Done():
			return x.interrupt(ctx)
		}
	}
	if ctx.Err() != nil || half(err) == "input" {
		return x.unfinished(ctx, err)
	}
	// The peer has stopped reading. The error of the receiving half, if
	// there is one, explains why.
	select {
	case other := <-x.receiveDone:
		if other != nil {
			return x.explain(other)
		}
	case <-time.After(closeTimeout):
	}
	return x.explain(err)
}

// afterReceiving completes the exchange once the receiving half has ended.
func (x *exchange) afterReceiving(ctx context.Context, err error) error {
	switch {
	case half(err) == "output":
		if x.ended.Load() {
			return x.afterBoth(ctx, err)
		}
		x.conn.NetConn().Close() // as in interrupt
		return x.explain(err)
	case err != nil:
		return x.explain(err)
	case x.typed:
		x.conn.SetWriteDeadline(time.Now().Add(closeTimeout)) // a write may be stuck
		x.conn.CloseWrite()
		if x.closed != nil {
			x.closed()
		}
		return nil
	}
	closed := x.awaitClose()
	select {
	case err := <-x.sendDone:
		if err != nil {
			return x.unfinished(ctx, err)
		}
		return x.confirm(ctx, closed)
	case err := <-closed:
		closed <- err
		return x.afterPeerClosed(ctx, closed)
	case <-ctx.Done():
		return x.interrupt(ctx)
	}
}

// awaitClose waits for the end of the connection below, after close_notify of the peer. It returns
// a channel for the error, nil for an end in order.
func (x *exchange) awaitClose() chan error {
	closed := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, x.conn.NetConn())
		closed <- err
	}()
	return closed
}

// afterBoth completes the exchange once close_notify was sent, and the receiving half has ended.
func (x *exchange) afterBoth(ctx context.Context, err error) error {
	switch {
	case half(err) == "output":
		cut(x.conn.NetConn()) // no alert follows close_notify: the peer may see the reset
	case err == nil:
		return x.confirm(ctx, nil)
	}
	return x.explain(err)
}

// confirm returns an error if a peer that was only to receive resets the connection once both sides
// have ended: it could not keep what it had received. A peer that has sent data may close so in
// good order, without reading the end of this side. What happens to data that the peer has not
// stored within closeTimeout stays unknown. closed is nil if awaitClose was not called.
func (x *exchange) confirm(ctx context.Context, closed <-chan error) error {
	if x.got > 0 || x.sent == 0 {
		return nil
	}
	// Another error may be that of a reset that has arrived already, which a read returns.
	if err := closeWrite(x.conn.NetConn()); errors.Is(err, errNoHalfClose) {
		return nil
	}
	if closed == nil {
		closed = x.awaitClose()
	}
	select {
	case err := <-closed:
		if errors.Is(err, errReset) {
			p := failed(err, "the peer reset the connection after all data was sent, and may not "+
				"have kept it")
			p.code, p.exit = "reset", exitCut
			return p.hinted("see the log of the peer; --framed tells whether a file is on its disk")
		}
	case <-time.After(closeTimeout):
		if x.unsure != nil {
			x.unsure()
		}
	case <-ctx.Done():
	}
	return nil
}

// afterPeerClosed decides whether data is lost because the peer has closed the
// connection: none is, if there was nothing to send.
func (x *exchange) afterPeerClosed(ctx context.Context, closed <-chan error) error {
	select {
	case err := <-x.sendDone:
		if err != nil {
			return x.unfinished(ctx, err)
		}
		return x.confirm(ctx, closed)
	case <-time.After(100 * time.Millisecond):
	}
	if x.idle.Load() {
		return nil
	}
	select {
	case err := <-x.sendDone:
		return x.explain(err)
	case <-time.After(closeTimeout):
		return &problem{text: "the peer closed the connection before all data was sent", code: "closed"}
	}
}

// interrupt ends the connection. The input has not ended, so it sends no
// close_notify. If close_notify was sent before, the whole input was sent.
func (x *exchange) interrupt(ctx context.Context) error {
	x.conn.NetConn().Close()
	return context.Cause(ctx)
}

// unfinished ends the connection after an error of the sending half. Where the peer lacks the rest
// of the input it gets no close_notify.
func (x *exchange) unfinished(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return x.interrupt(ctx)
	}
	x.conn.NetConn().Close()
	return x.explain(err)
}

func half(err error) string {
	var h *halfError
	if errors.As(err, &h) {
		return h.end
	}
	return ""
}

// explain turns the error of a half into a problem for the user.
func (x *exchange) explain(err error) error {
	switch half(err) {
	case "input":
		return failed(err, "standard input cannot be read: %v", cause(err)).
			hinted("no close_notify was sent: the data at the peer is incomplete")
	case "output":
		return failed(err, "standard output cannot be written: %v", cause(err)).
			hinted("the program that reads it ended, or the disk is full: later data is lost")
	case "send":
		p := explain(errors.Unwrap(err))
		p.text = "the peer stopped reading before all data was sent: " + p.text
		return p
	case "receive":
		p := explain(errors.Unwrap(err))
		if x.got == 0 && strings.HasPrefix(p.code, "alert-") {
			return p // it refused: nothing was cut off
		}
		p.exit = exitCut
		if p.code == "transport" || p.code == "reset" {
			p.code = "cut"
		}
		return p
	}
	return err
}

// cause is the innermost error, without the names that were wrapped around it.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) == 1 {
			inner = joined.Unwrap()[0]
		}
		if inner == nil {
			return err
		}
		err = inner
	}
}
