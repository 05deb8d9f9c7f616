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
