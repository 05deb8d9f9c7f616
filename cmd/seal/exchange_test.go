package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A plainEnd is a connection of an exchange without encryption. Its close_notify is nothing, and
// that of the peer comes after answer, once this side has sent its own.
type plainEnd struct {
	*net.TCPConn
	once   sync.Once
	sent   chan struct{}
	answer []byte
}

func (c *plainEnd) NetConn() net.Conn { return c.TCPConn }
func (c *plainEnd) CloseWrite() error { c.once.Do(func() { close(c.sent) }); return nil }

func (c *plainEnd) Read(p []byte) (int, error) {
	<-c.sent
	if len(c.answer) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.answer)
	c.answer = c.answer[n:]
	return n, nil
}

// exchangeOf returns an exchange over conn whose input is text.
func exchangeOf(conn tlsConn, out io.Writer, text string) *exchange {
	return &exchange{conn: conn, in: newInputReader(strings.NewReader(text)), out: out}
}

// TestConfirm has a peer that receives everything and resets the connection, as one does whose disk
// is full, or closes it in order, or resets it after an answer.
func TestConfirm(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		linger int
		failed bool
		early  bool // far does not read the end before it closes
	}{
		"reset":                 {"", 0, true, false},
		"closed":                {"", -1, false, false},
		"reset after an answer": {"answer", 0, false, true},
		"reset after the end":   {"answer", 0, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := tcpPair(t)
			go func() {
				if io.ReadFull(far, make([]byte, 4)); !test.early {
					io.ReadAll(far)
				}
				far.SetLinger(test.linger)
				far.Close()
			}()
			conn := &plainEnd{TCPConn: near, sent: make(chan struct{}), answer: []byte(test.answer)}
			err := exchangeOf(conn, io.Discard, "data").run(t.Context())
			if (err != nil) != test.failed || test.failed && explain(err).exit != exitCut {
				t.Errorf("the exchange ended with %v", err)
			}
		})
	}
}

// TestUnsure: a peer that has everything and does not close, as one whose disk is slow, is no error,
// but the user learns of it.
func TestUnsure(t *testing.T) {
	near, far := tcpPair(t)
	defer far.Close()
	conn := &plainEnd{TCPConn: near, sent: make(chan struct{})}
	x := exchangeOf(conn, io.Discard, "data")
	told := 0
	x.unsure = func() { told++ }
	if err := x.run(t.Context()); err != nil || told != 1 {
		t.Errorf("the exchange ended with %v, and %d warnings", err, told)
	}
}

// TestOutputFailsAfterEnd: the peer sees a reset if its data cannot be written, also after
// close_notify.
func TestOutputFailsAfterEnd(t *testing.T) {
	near, far := tcpPair(t)
	conn := &plainEnd{TCPConn: near, sent: make(chan struct{}), answer: []byte("data")}
	full, w := io.Pipe()
	full.CloseWithError(errors.New("no space"))
	err := exchangeOf(conn, w, "").run(context.Background())
	if err == nil || explain(err).exit != exitFailure {
		t.Errorf("the exchange ended with %v", err)
	}
	far.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, errReset) {
		t.Errorf("the peer sees %v, want a reset", err)
	}
}

// A watchedEnd is a connection whose peer has sent close_notify. It notes that of this side.
type watchedEnd struct {
	net.Conn // that below
	waits    chan struct{}
	closed   bool
	notified bool
}

func (c *watchedEnd) NetConn() net.Conn        { return belowWatched{c.Conn, c} }
func (c *watchedEnd) Read([]byte) (int, error) { return 0, io.EOF }
func (c *watchedEnd) CloseWrite() error        { c.notified = true; return nil }
func (c *watchedEnd) Close() error {
	c.notified = c.notified || !c.closed
	return c.Conn.Close()
}

// belowWatched is what is below a watchedEnd. It closes waits when it is read.
type belowWatched struct {
	net.Conn
	above *watchedEnd
}

func (b belowWatched) Read(p []byte) (int, error) {
	close(b.above.waits)
	return b.Conn.Read(p)
}

func (b belowWatched) Close() error {
	b.above.closed = true
	return b.Conn.Close()
}

// newWatched returns a watchedEnd whose peer reads all.
func newWatched(t *testing.T) *watchedEnd {
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	go io.Copy(io.Discard, far)
	return &watchedEnd{Conn: near, waits: make(chan struct{})}
}

// A lateContext has ended, and a select has not chosen that.
type lateContext struct{ context.Context }

func (lateContext) Err() error { return context.Canceled }

// A failing input has an error once the exchange waits for the end of the connection.
type failing struct {
	waits chan struct{}
	err   error
}

func (f *failing) Read([]byte) (int, error) {
	<-f.waits
	return 0, f.err
}

// TestNoCloseNotify: a peer that has ended, and reads on, does not take an input that fails, or
// that a signal interrupts, for the whole.
func TestNoCloseNotify(t *testing.T) {
	conn := newWatched(t)
	x := exchangeOf(conn, io.Discard, "")
	x.in = newInputReader(&failing{conn.waits, errors.New("bad disk")})
	err := x.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "bad disk") || conn.notified {
		t.Errorf("the exchange ended with %v; close_notify was sent: %v", err, conn.notified)
	}
	late := lateContext{context.Background()}
	conn = newWatched(t)
	x = exchangeOf(conn, io.Discard, "")
	x.sendDone = make(chan error, 1)
	x.sendDone <- context.Canceled
	if err := x.afterReceiving(late, nil); !errors.Is(err, context.Canceled) || !conn.closed {
		t.Errorf("interrupted: %v; the connection below is closed: %v", err, conn.closed)
	}
	conn = newWatched(t)
	x = exchangeOf(conn, io.Discard, "")
	x.piped = true
	if err := x.endInput(late); !errors.Is(err, context.Canceled) || conn.notified {
		t.Errorf("a pipeline is interrupted: %v; close_notify was sent: %v", err, conn.notified)
	}
}
