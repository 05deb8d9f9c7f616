package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/admit"
	"github.com/sealsock/sealsock/legacy"
)

// A serverConn is a connection that was accepted.
type serverConn struct {
	tlsConn
	facts   *facts // nil for one without encryption
	early   []byte // 0-RTT data that was not read yet
	id      int64  // its number among those of this process
	traffic *traffic
}

// Read implements net.Conn: early data comes first. The line about the connection
// has reported it.
func (v *serverConn) Read(p []byte) (int, error) {
	if len(v.early) > 0 {
		n := copy(p, v.early)
		v.early = v.early[n:]
		v.traffic.count(&v.traffic.received, n)
		return n, nil
	}
	n, err := v.tlsConn.Read(p)
	v.traffic.count(&v.traffic.received, n)
	return n, err
}

// Write implements net.Conn.
func (v *serverConn) Write(p []byte) (int, error) {
	n, err := v.tlsConn.Write(p)
	v.traffic.count(&v.traffic.sent, n)
	return n, err
}

func newServerConn(conn tlsConn, f *facts) *serverConn {
	return &serverConn{tlsConn: conn, facts: f, traffic: newTraffic()}
}

// A service serves a connection. It returns when the connection has ended, or soon
// after the end of ctx, and closes it.
type service interface {
	serve(ctx context.Context, conn *serverConn) error
}

// A listener accepts connections.
type listener interface {
	accept(ctx context.Context) (*serverConn, error)
	Addr() net.Addr
	Close() error
}

// tlsListener accepts connections of the versions that the engine implements.
type tlsListener struct{ *sealsock.Listener }

func (d tlsListener) accept(ctx context.Context) (*serverConn, error) {
	conn, err := d.AcceptConn(ctx)
	if err != nil {
		return nil, err
	}
	v := newServerConn(overPackets(conn), factsOf(conn, "connection from"))
	if err := v.takeEarly(conn); err != nil {
		conn.Close()
		return nil, err
	}
	return v, nil
}

// legacyListener accepts connections of package legacy, for --legacy.
type legacyListener struct{ *legacy.Listener }

func (l legacyListener) accept(ctx context.Context) (*serverConn, error) {
	conn, err := l.AcceptConn(ctx)
	if err != nil {
		return nil, err
	}
	return newServerConn(conn, factsOfLegacy(conn, "connection from")), nil
}

// A serial service takes one connection at a time.
type serial interface{ serial() }

// A server gives connections to a service.
type server struct {
	out      *output
	listener listener
	service  service
	places   admit.Places
	idle     time.Duration // 0 for no limit
	drain    time.Duration // for connections, after the terminate signal
}

// run serves many connections, or one.
func (s *server) run(ctx context.Context, many bool) error {
	if many {
		return s.serveMany(ctx)
	}
	return s.serveOne(ctx)
}

// serveOne serves one connection and stops listening.
func (s *server) serveOne(ctx context.Context) error {
	conn, err := s.listener.accept(ctx)
	if err != nil {
		return explainEOF(err)
	}
	s.listener.Close()
	s.announce(conn)
	err = s.serve(ctx, conn)
	s.out.log(endedOf(conn, err))
	return err
}

// explainEOF explains the end of a listener that has one connection, such as stdio:,
// after its handshake failed.
func explainEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return failed(err, "the only client was refused")
	}
	return err
}

// serveMany serves until ctx ends, or until a listener that has one connection, such as
// stdio:, has no more. A client for whom there is no place is refused, but by a serial
// service, for which it waits.
func (s *server) serveMany(ctx context.Context) error {
	turn := make(chan struct{}, 1) // of a serial service
	_, serial := s.service.(serial)
	work, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	defer context.AfterFunc(ctx, func() {
		s.wait(ctx, work)
		cut(context.Cause(ctx))
	})()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for served := false; ; served = true {
		if serial {
			select {
			case turn <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
		}
		conn, err := s.listener.accept(ctx)
		switch {
		case err == nil:
		case ctx.Err() != nil, served && errors.Is(err, io.EOF):
			return nil
		default:
			return explainEOF(err)
		}
		if why := placeFor(&s.places, conn.RemoteAddr()); why != nil {
			s.out.print(refusedOf(s.out, conn.RemoteAddr(), why))
			sessions.Go(func() { turnAway(conn) })
			continue
		}
		s.announce(conn)
		sessions.Go(func() {
			s.session(work, conn)
			s.places.Leave(conn.RemoteAddr())
			if serial {
				<-turn
			}
		})
	}
}

// turnAway ends a connection that is not served with an alert.
func turnAway(conn *serverConn) {
	abort(conn.tlsConn)
	conn.Close()
}

// wait gives connections time to end by themselves, after the terminate signal alone.
// No others are accepted. It returns early once work is done.
func (s *server) wait(ctx, work context.Context) {
	var i *interrupted
	if !errors.As(context.Cause(ctx), &i) || i.signal != syscall.SIGTERM || s.drain == 0 {
		return
	}
	s.listener.Close()
	s.out.print(draining{s.drain.Seconds()})
	select {
	case <-time.After(s.drain):
	case <-work.Done():
	}
}

// draining reports that the connections have time to end.
type draining struct {
	Seconds float64 `json:"seconds"`
}

func (draining) event() string { return "draining" }

func (d draining) text() string {
	return fmt.Sprintf("seal: stopped listening; connections have %gs to end", d.Seconds)
}

// announce reports a connection that is served.
func (s *server) announce(conn *serverConn) {
	conn.id = s.out.connections.Add(1)
	if conn.facts == nil {
		return
	}
	for _, w := range conn.facts.Weaknesses {
		s.out.warn("--legacy: %s", w)
	}
	conn.facts.ID = conn.id
	s.out.print(conn.facts)
}

// serve serves a connection, which --idle may end.
func (s *server) serve(ctx context.Context, conn *serverConn) error {
	defer conn.traffic.watchIdle(s.idle, func() {
		abort(conn.tlsConn)
		conn.tlsConn.SetDeadline(time.Unix(1, 0))
	})()
	err := s.service.serve(ctx, conn)
	if conn.traffic.idled.Load() {
		return idleError(s.idle)
	}
	return err
}

// session serves one of several connections. Its failure does not end the others.
func (s *server) session(ctx context.Context, conn *serverConn) {
	err := s.serve(ctx, conn)
	if ctx.Err() == nil {
		s.out.print(endedOf(conn, err))
	} else {
		s.out.log(endedOf(conn, cmp.Or(err, context.Cause(ctx))))
	}
}

// ended reports that a connection has ended.
type ended struct {
	ID       int64   `json:"id,omitempty"`
	Remote   string  `json:"remote"`
	Received int64   `json:"received"` // bytes
	Sent     int64   `json:"sent"`
	Seconds  float64 `json:"seconds"`
	Reason   string  `json:"reason"` // "closed" for an orderly end, else as Code, or "failed"
	Message  string  `json:"message,omitempty"`
	Hint     string  `json:"hint,omitempty"`
	Code     string  `json:"code,omitempty"`
}

func endedOf(conn *serverConn, err error) note {
	return endOf(conn.id, addressText(conn.RemoteAddr()), conn.traffic, err)
}

// endOf is the note about the end of a connection.
func endOf(id int64, remote string, t *traffic, err error) *ended {
	e := &ended{
		ID: id, Remote: remote, Reason: "closed",
		Received: t.received.Load(), Sent: t.sent.Load(),
		Seconds: time.Since(t.since).Round(time.Millisecond).Seconds(),
	}
	if err != nil {
		p := explain(err)
		e.Message, e.Hint, e.Code, e.Reason = p.text, p.hint, p.code, cmp.Or(p.code, "failed")
	}
	return e
}

func (*ended) event() string       { return "ended" }
func (e *ended) connection() int64 { return e.ID }

func (e *ended) text() string {
	if e.Message == "" {
		return "seal: " + e.Remote + " has ended"
	}
	text := "seal: " + e.Remote + " has ended: " + e.Message
	if e.Code == codeExhausted {
		return hinted(text, e.Hint) // the hint is for this side
	}
	return oneLine(text)
}

// details are for the log.
func (e *ended) details() string {
	return fmt.Sprintf(" (%d bytes received, %d sent, %gs, %s)", e.Received, e.Sent, e.Seconds,
		e.Reason)
}

// refused reports that a client was not served.
type refused struct {
	ID      int64  `json:"id"`
	Remote  string `json:"remote"`
	Message string `json:"message,omitempty"`
	Hint    string `json:"hint,omitempty"`
	Code    string `json:"code,omitempty"`
}

func refusedOf(out *output, remote net.Addr, err error) note {
	p := explainHandshake(err)
	return &refused{out.connections.Add(1), addressText(remote), p.text, p.hint, p.code}
}

func (*refused) event() string       { return "refused" }
func (r *refused) connection() int64 { return r.ID }

func (r *refused) text() string {
	return hinted("seal: no connection with "+r.Remote+": "+r.Message, r.Hint)
}

// closeOnDone makes the end of ctx interrupt what is read from conn. The function it
// returns closes conn: in order, if the peer reads it, but without close_notify if
// ctx ended first, since then the peer has not received all data.
func closeOnDone(ctx context.Context, conn tlsConn) (end func()) {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	return func() {
		if stop() {
			conn.SetWriteDeadline(time.Now().Add(closeTimeout))
			conn.CloseWrite()
		} else {
			conn.NetConn().Close()
		}
		conn.Close()
	}
}

// stdioService joins a connection to this side's input and output.
type stdioService struct {
	stdio *stdio
	out   *output
}

func (stdioService) serial() {}

func (j stdioService) serve(ctx context.Context, conn *serverConn) error {
	defer j.stdio.attach(conn.tlsConn)()
	e := j.stdio
	x := &exchange{conn: conn, in: e.in, out: e.out, typed: e.typed, piped: e.piped}
	e.escapes.describe(conn.facts, conn.traffic)
	x.closed = func() { j.out.print(endedByPeer{}) }
	x.unsure = func() { j.out.warn(unsureText) }
	x.meter = j.out.meter("", e.size)
	defer x.meter.end()
	return x.run(ctx)
}

// echoService sends back what it receives.
type echoService struct{}

func (echoService) serve(ctx context.Context, conn *serverConn) error {
	defer closeOnDone(ctx, conn)()
	if packets, ok := conn.tlsConn.(*packetConn); ok {
		packets.whole = true
	}
	buf := make([]byte, bufferSize)
	for {
		n, err := conn.Read(buf)
		if n > 0 {
			if _, err := conn.Write(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
