package datagram

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/stream"
)

// errNoDeadlines is that of a socket that has none.
var errNoDeadlines = errors.New("no deadlines")

// A plainSocket is an end of a net.Pipe without deadlines.
type plainSocket struct{ net.Conn }

func (plainSocket) SetReadDeadline(time.Time) error { return errNoDeadlines }

func (s plainSocket) Read(p []byte) (int, error) { return pipeSocket(s).Read(p) }

// A readSocket tells that a Read has begun.
type readSocket struct {
	net.Conn
	began chan struct{}
}

func (s readSocket) Read(p []byte) (int, error) {
	select {
	case s.began <- struct{}{}:
	default:
	}
	return s.Conn.Read(p)
}

// A silent is an Owner that is asked nothing.
type silent struct{ stream.Owner }

func (silent) Failed(error) {}
func (silent) Proved()      {}

// waiting returns a client, or a server if other is nil, whose handshake waits for its peer, which
// is silent, and the error of its end.
func waiting(t *testing.T, ctx context.Context, raw, other net.Conn, o stream.Options) (
	*Conn, <-chan error,
) {
	t.Helper()
	t.Cleanup(func() { raw.Close() })
	c := newConn(&socketPath{Conn: raw}, new(atomic.Int64))
	psk := engine.NewPSK([]byte("name"), bytes.Repeat([]byte{7}, 32))
	cfg := engine.Config{Options: engine.Options{PSKs: []*engine.PSK{psk}}}
	// Nothing is sent again meanwhile.
	d := engine.DatagramOptions{FirstTimeout: time.Hour}
	e, err := engine.DatagramClient(&cfg, engine.Target{}, d)
	if other == nil {
		cfg.FindPSK = func([]byte) (*engine.PSK, error) { return psk, nil }
		e, err = engine.DatagramServer(&cfg, d)
	}
	if err != nil {
		t.Fatal(err)
	}
	o.Owner = silent{}
	c.Start(e, o)
	ended := make(chan error, 1)
	go func() { ended <- c.Handshake(ctx) }()
	if other != nil {
		if _, err := other.Read(make([]byte, 2000)); err != nil { // the ClientHello
			t.Fatal(err)
		}
	}
	return c, ended
}

// TestHandshakeIsInterrupted: what ends a handshake that reads its socket, also one without
// deadlines, where a goroutine reads.
func TestHandshakeIsInterrupted(t *testing.T) {
	over := errors.New("it takes too long")
	for name, interrupt := range map[string]struct {
		by      func(c *Conn, cancel func())
		timeout time.Duration
		want    error
	}{
		"context":  {by: func(_ *Conn, cancel func()) { cancel() }, want: context.Canceled},
		"Close":    {by: func(c *Conn, _ func()) { c.Close() }, want: net.ErrClosed},
		"Timeout":  {by: func(*Conn, func()) {}, timeout: 20 * time.Millisecond, want: over},
		"deadline": {by: func(c *Conn, _ func()) { c.SetDeadline(past) }, want: os.ErrDeadlineExceeded},
	} {
		for _, plain := range []bool{false, true} {
			// In a bubble the Timeout passes when the Read waits, and not before.
			synctest.Test(t, func(t *testing.T) {
				raw, other := net.Pipe()
				began := make(chan struct{}, 1)
				raw = readSocket{raw, began}
				if plain {
					raw = plainSocket{raw}
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				c, ended := waiting(t, ctx, raw, other,
					stream.Options{Timeout: interrupt.timeout, TimedOut: over})
				<-began // so that it is the Read that is interrupted
				interrupt.by(c, cancel)
				select {
				case err := <-ended:
					if !errors.Is(err, interrupt.want) {
						t.Errorf("%s: %v, expected %v", name, err, interrupt.want)
					}
				case <-time.After(10 * time.Second):
					t.Errorf("%s (a socket without deadlines: %v): the handshake does not end",
						name, plain)
				}
			})
		}
	}
}

// TestOldDeadline: a deadline that the socket has had before, or that another one has set since, is
// no news, and the handshake waits.
func TestOldDeadline(t *testing.T) {
	raw, _ := net.Pipe()
	var reads atomic.Int32
	counted := countedReads{raw, &reads}
	raw.SetReadDeadline(past)
	ctx, cancel := context.WithCancel(t.Context())
	c, ended := waiting(t, ctx, counted, nil, stream.Options{})
	await(t, func() bool {
		c.in.mu.Lock()
		defer c.in.mu.Unlock()
		return c.in.reader != nil
	})
	raw.SetReadDeadline(past)
	time.Sleep(50 * time.Millisecond)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n := reads.Load(); n > 4 {
		t.Errorf("the handshake has read %d times in vain", n)
	}
}

type countedReads struct {
	net.Conn
	n *atomic.Int32
}

func (c countedReads) Read(b []byte) (int, error) { c.n.Add(1); return c.Conn.Read(b) }

// TestExpired: a deadline has more than one name, and a router's report is none.
func TestExpired(t *testing.T) {
	for err, want := range map[error]bool{
		os.ErrDeadlineExceeded:                     true,
		&net.OpError{Err: os.ErrDeadlineExceeded}:  true,
		&net.DNSError{IsTimeout: true}:             true,
		&net.OpError{Err: syscall.Errno(0x7ff)}:    false,
		&net.OpError{Err: syscall.ETIMEDOUT}:       false,
		os.NewSyscallError("recv", syscall.EAGAIN): false,
		net.ErrClosed: false,
	} {
		if expired(err) != want {
			t.Errorf("%v: a deadline: %v, expected %v", err, !want, want)
		}
	}
}
