package main

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/sealsock/sealsock/internal/segment"
	"github.com/sealsock/sealsock/socket"
)

// A relay carries data between a client and a server, in both directions at once. The
// end of one direction passes to the other connection as the end of that direction
// alone. A direction that fails cuts both connections, so that neither side takes what
// it has for the whole.
type relay struct {
	client, server relayEnd
}

// A relayEnd is one of the two connections of a relay.
type relayEnd struct {
	name string // for errors, such as "the client"
	conn net.Conn

	writing chan struct{} // holds a value during a write
	reset   bool          // a write found the connection reset; after the write
}

func newRelay(client, server relayEnd) *relay {
	client.writing, server.writing = make(chan struct{}, 1), make(chan struct{}, 1)
	return &relay{client, server}
}

func (e *relayEnd) write(b []byte) error {
	e.writing <- struct{}{}
	defer func() { <-e.writing }()
	_, err := e.conn.Write(b)
	e.reset = err != nil && !errors.Is(err, errBrokenPipe)
	return err
}

// wasReset reports whether the end of what e has sent is a reset. A socket reports a
// reset once. If a write has received the error, a read returns io.EOF, as after an
// orderly end. After that end, a write fails with a broken pipe instead. A reset ends a
// write that is under way, so one that lasts has found none.
func (e *relayEnd) wasReset() bool {
	select {
	case e.writing <- struct{}{}:
		defer func() { <-e.writing }()
		return e.reset
	case <-time.After(50 * time.Millisecond):
		return false
	}
}

// relayBuffers holds the buffers of directions that carry data.
var relayBuffers = sync.Pool{New: func() any { return new([relayBuffer]byte) }}

// relayBuffer is the size of a buffer: what a write passes on at once.
const relayBuffer = segment.Data

// run returns nil if both directions ended in order. It closes both connections.
func (r *relay) run(ctx context.Context) error {
	done := make(chan error, 2)
	var carriers sync.WaitGroup
	carriers.Go(func() { direction{&r.client, &r.server}.carry(done) })
	carriers.Go(func() { direction{&r.server, &r.client}.carry(done) })
	defer carriers.Wait()
	defer r.close()
	first := r.wait(ctx, done)
	if half(first) == "send" {
		drained := make(chan struct{})
		go func() { carriers.Wait(); close(drained) }()
		select {
		case <-drained:
		case <-time.After(closeTimeout):
		case <-ctx.Done():
		}
	}
	return first
}

// wait returns the result of both directions. It cuts the connections after an error,
// except that what a side sent before it stopped reading has time to arrive.
func (r *relay) wait(ctx context.Context, done <-chan error) (first error) {
	var late <-chan time.Time
	end := ctx.Done()
	for open := 2; open > 0; {
		select {
		case err := <-done:
			open--
			switch {
			case err == nil:
			case half(err) == "send" && first == nil:
				first, late = err, time.After(closeTimeout)
			default:
				first = explaining(first, err)
				r.cut()
			}
		case <-late:
			r.cut()
		case <-end:
			first, end = context.Cause(ctx), nil
			r.cut()
		}
	}
	return first
}

// explaining returns the error that explains more: a reset that a read returns is the
// reason of the write that failed before it.
func explaining(first, err error) error {
	if first == nil || half(first) == "send" {
		return err
	}
	return first
}

// cut ends both connections without an orderly end.
func (r *relay) cut() {
	var ends sync.WaitGroup
	ends.Go(func() { cut(r.client.conn) })
	ends.Go(func() { cut(r.server.conn) })
	ends.Wait()
}

func (r *relay) close() {
	r.client.conn.Close()
	r.server.conn.Close()
}

// cut ends a connection so that the peer does not take what it has received for the
// whole: with an alert, the status of a WebSocket, or a reset on TCP. A UNIX-domain socket
// has none of these.
func cut(conn net.Conn) {
	if c, ok := conn.(*serverConn); ok {
		conn = c.tlsConn
	}
	if c, ok := conn.(plainConn); ok {
		conn = c.Conn
	}
	if c, ok := conn.(tlsConn); ok {
		c.SetWriteDeadline(time.Now().Add(closeTimeout))
		abort(c)
		return
	}
	if c, ok := conn.(interface{ Abort() error }); ok { // a WebSocket
		c.Abort()
		return
	}
	if c, ok := conn.(interface{ SetLinger(seconds int) error }); ok {
		c.SetLinger(0)
	}
	if s, ok := conn.(*socket.Socket); ok { // of mptcp:// and the like
		socket.Lingers.Set(s, socket.Linger{On: 1})
	}
	conn.Close()
}

// A direction carries what one end receives to the other.
type direction struct{ from, to *relayEnd }

// carry sends its result: nil after the end was passed on.
func (d direction) carry(done chan<- error) {
	buf := relayBuffers.Get().(*[relayBuffer]byte)
	defer relayBuffers.Put(buf)
	for {
		n, err := d.from.conn.Read(buf[:])
		if n > 0 {
			if err := d.to.write(buf[:n]); err != nil {
				done <- d.failure("send", d.to, err)
				// Closing with unread input would cut off what is sent to this end.
				io.CopyBuffer(onlyWriter{io.Discard}, onlyReader{d.from.conn}, buf[:])
				return
			}
		}
		switch {
		case err == io.EOF && d.from.wasReset():
			done <- d.failure("receive", d.from, errReset)
			return
		case err == io.EOF:
			if err := closeWrite(d.to.conn); err != nil {
				done <- d.failure("send", d.to, err)
			} else {
				done <- nil
			}
			return
		case err != nil:
			done <- d.failure("receive", d.from, err)
			return
		}
	}
}

// closeWrite ends the sending direction of a connection.
func closeWrite(conn net.Conn) error {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errNoHalfClose
}

var errNoHalfClose = errors.New("this connection cannot close one direction")

// failure is the error of an end.
func (d direction) failure(half string, end *relayEnd, err error) error {
	p := explain(err)
	if half == "send" {
		p.text = end.name + " stopped reading before all data was sent: " + p.text
	} else {
		p.text = end.name + " ended the connection without close_notify: " + p.text
		p.code = "cut"
	}
	p.exit, p.hint = exitCut, ""
	return &halfError{half, p}
}
