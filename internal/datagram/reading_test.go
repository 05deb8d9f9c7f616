package datagram

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/stream"
)

// opened returns a client on an open connection, its path, and its server, whose datagrams go
// through other. Each datagram is written when it is read. Tests call it in a bubble, where a busy
// machine does not let watchTime pass before they begin to read.
func opened(t *testing.T, plain bool) (
	c *Conn, p *socketPath, s *engine.DatagramConn, other net.Conn,
) {
	t.Helper()
	raw, other := net.Pipe()
	if raw = (pipeSocket{raw}); plain {
		raw = plainSocket{raw}
	}
	p = &socketPath{Conn: raw}
	c = newConn(p, new(atomic.Int64))
	c.engine, s = enginesOf(t, iana.TLS13)
	c.owner = silent{}
	c.arm()
	c.in.opened()
	c.done()
	t.Cleanup(func() {
		raw.Close()
		other.Close()
		time.Sleep(time.Minute) // a goroutine that reads pauses after another error, and then ends
	})
	if err := other.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c, p, s, other
}

// A pipeSocket is an end of a net.Pipe with the error of a socket that is closed, so that the
// goroutine that reads ends.
type pipeSocket struct{ net.Conn }

func (s pipeSocket) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if errors.Is(err, io.ErrClosedPipe) {
		err = net.ErrClosed
	}
	return n, err
}

// messageOf returns the datagram of a message.
func messageOf(t *testing.T, s *engine.DatagramConn, text string) []byte {
	t.Helper()
	d, err := s.Send(nil, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestReadWithoutGoroutine: Read reads the socket itself. While it is not called, a goroutine takes
// what the peer sends, of which each key update has to be acknowledged.
func TestReadWithoutGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, s, other := opened(t, false)
		b := make([]byte, 100)
		for _, text := range []string{"one", "two", "three"} {
			d := messageOf(t, s, text)
			go other.Write(d)
			if n, err := c.Read(b); err != nil || string(b[:n]) != text || p.running.Load() {
				t.Fatalf("%q, %v; a goroutine reads: %v", b[:n], err, p.running.Load())
			}
		}
		for range 2 {
			if err := s.Rekey(time.Now(), false); err != nil {
				t.Fatal(err)
			}
			if _, err := other.Write(s.NextDatagram()); err != nil {
				t.Fatal("nothing reads the socket: ", err)
			}
			n, err := other.Read(b)
			if err == nil {
				_, err = s.Receive(time.Now(), bytes.Clone(b[:n]))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := other.Write(messageOf(t, s, "four")); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(b); err != nil || string(b[:n]) != "four" {
			t.Errorf("%q, %v", b[:n], err)
		}
	})
}

// TestReadIsInterrupted: what ends a Read that waits, also on a socket without deadlines, where a
// goroutine reads.
func TestReadIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := errors.New("the connection is over")
		for name, interrupt := range map[string]struct {
			by   func(c *Conn, s *engine.DatagramConn, other net.Conn)
			want error
		}{
			"deadline": {func(c *Conn, _ *engine.DatagramConn, _ net.Conn) {
				c.SetReadDeadline(time.Now().Add(time.Hour))
				c.SetReadDeadline(past)
			}, os.ErrDeadlineExceeded},
			"Close": {func(c *Conn, _ *engine.DatagramConn, other net.Conn) {
				go io.Copy(io.Discard, other)
				c.Close()
			}, net.ErrClosed},
			"failure": {func(c *Conn, _ *engine.DatagramConn, _ net.Conn) { c.fail(failed) }, failed},
			"close_notify": {func(_ *Conn, s *engine.DatagramConn, other net.Conn) {
				s.CloseNotify()
				other.Write(s.NextDatagram())
			}, io.EOF},
		} {
			for _, plain := range []bool{false, true} {
				c, p, s, other := opened(t, plain)
				ended := make(chan error, 1)
				go func() {
					_, err := c.Read(make([]byte, 100))
					ended <- err
				}()
				await(t, func() bool {
					c.in.mu.Lock()
					defer c.in.mu.Unlock()
					return c.in.reader != nil || plain && p.running.Load()
				})
				interrupt.by(c, s, other)
				select {
				case err := <-ended:
					if !errors.Is(err, interrupt.want) {
						t.Errorf("%s: %v, expected %v", name, err, interrupt.want)
					}
				case <-time.After(20 * time.Second):
					t.Fatalf("%s (a socket without deadlines: %v): Read does not end", name, plain)
				}
				if name != "deadline" {
					continue
				}
				c.SetReadDeadline(time.Time{})
				go other.Write(messageOf(t, s, "later"))
				b := make([]byte, 100)
				if n, err := c.Read(b); err != nil || string(b[:n]) != "later" {
					t.Errorf("after a deadline: %q, %v", b[:n], err)
				}
			}
		}
	})
}

// await waits until something is so.
func await(t *testing.T, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come to what the test waits for")
		}
	}
}

// TestLook: a goroutine begins to read if no Read has, or if very much has come, and not while a
// Read waits, whose end has the socket watched again.
func TestLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tc := range []struct {
			reads   int
			waits   bool
			early   bool // it is not due yet
			running bool
			watched bool // after a Read that waited has ended
		}{
			{reads: 0, running: true},
			{reads: 1, watched: true},
			{reads: manyReads - 1, watched: true},
			{reads: manyReads, running: true},
			{reads: 0, waits: true, watched: true},
			{reads: manyReads, waits: true, watched: true},
			{reads: 0, early: true, watched: true},
		} {
			c, p, _, _ := opened(t, false)
			c.path.timers().set(c, time.Time{}) // the test does what the timer would
			p.reads = tc.reads
			now := time.Now().Add(watchTime)
			if tc.early {
				now = now.Add(-watchTime)
				p.watch = now.Add(1)
			}
			if tc.waits {
				c.reading.Lock()
			}
			p.look(c, now)
			if tc.waits {
				if p.watched.Load() || !p.watch.IsZero() {
					t.Errorf("%+v: the socket is watched while a Read waits", tc)
				}
				c.endRead()
			}
			c.mu.Lock() // the timer may be about to look again
			watch := p.watch
			c.mu.Unlock()
			queue := c.path.timers()
			queue.mu.Lock()
			timer := c.timer.at
			queue.mu.Unlock()
			if p.running.Load() != tc.running || p.watched.Load() != tc.watched ||
				watch.IsZero() == tc.watched {
				t.Errorf("%+v: a goroutine reads: %v, watched: %v, until %v",
					tc, p.running.Load(), p.watched.Load(), watch)
			}
			if tc.waits && timer.IsZero() {
				t.Errorf("%+v: no timer", tc)
			}
		}
	})
}

// TestBufferGoesBack: a connection that has ended has no buffer, also if a Read has waited.
func TestBufferGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, how := range []string{"no Read", "a Read that waits", "a goroutine"} {
			c, p, s, other := opened(t, false)
			go io.Copy(io.Discard, other)
			ended := make(chan error, 1)
			switch how {
			case "no Read":
				go other.Write(messageOf(t, s, "message"))
				if _, err := c.Read(make([]byte, 100)); err != nil || p.buf == nil {
					t.Fatal(err, p.buf == nil)
				}
				ended <- net.ErrClosed
			case "a Read that waits":
				go func() {
					_, err := c.Read(make([]byte, 100))
					ended <- err
				}()
				await(t, func() bool {
					c.in.mu.Lock()
					defer c.in.mu.Unlock()
					return c.in.reader != nil
				})
			case "a goroutine":
				c.reading.Lock()
				p.start(c)
				c.reading.Unlock()
				ended <- net.ErrClosed
			}
			c.Close()
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
			if how == "a goroutine" {
				continue // which ends on its own
			}
			c.reading.Lock() // behind endRead
			if p.buf != nil {
				t.Errorf("%s: the connection has a buffer", how)
			}
			c.reading.Unlock()
		}
	})
}

// TestHelloAgain: a ClientHello that is not answered is sent again.
func TestHelloAgain(t *testing.T) {
	raw, other := net.Pipe()
	c := newConn(&socketPath{Conn: raw}, new(atomic.Int64))
	psk := engine.NewPSK([]byte("name"), bytes.Repeat([]byte{7}, 32))
	cfg := engine.Config{Options: engine.Options{PSKs: []*engine.PSK{psk}}}
	d := engine.DatagramOptions{FirstTimeout: 10 * time.Millisecond}
	e, err := engine.DatagramClient(&cfg, engine.Target{}, d)
	if err != nil {
		t.Fatal(err)
	}
	c.Start(e, stream.Options{Owner: silent{}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Handshake(ctx) }()
	if err := other.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var first []byte
	for i := range 3 {
		b := make([]byte, 2000)
		n, err := other.Read(b)
		random, ok := helloRandom(b[:n])
		if err != nil || !ok || i > 0 && !bytes.Equal(random, first) {
			t.Fatalf("time %d: %x, %v", i, b[:n], err)
		}
		first = random
	}
	go io.Copy(io.Discard, other)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if !c.timer.at.IsZero() {
		t.Error("a handshake that no one runs has a timer")
	}
}

// TestClosedBeforeOpen: Close may come while the last step of the handshake is taken. The
// connection then has no timer, which would send its tickets again.
func TestClosedBeforeOpen(t *testing.T) {
	raw, other := net.Pipe()
	defer other.Close()
	c := newConn(&socketPath{Conn: raw}, new(atomic.Int64))
	c.engine, _ = enginesOf(t, iana.TLS13)
	c.owner = silent{}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.finish(false); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	if c.armed || c.timer.index != 0 {
		t.Error("a connection that is closed has a timer")
	}
}

// TestEndedIsNotWatched: behind a Read that has found the end of the connection nothing reads its
// socket any more, though it was not closed yet.
func TestEndedIsNotWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, _, _ := opened(t, false)
		p.watched.Store(false) // look was called while the Read has waited
		p.buf = buffers.Get()
		over := errors.New("the connection is over")
		c.fail(over)
		if _, err := c.Read(make([]byte, 10)); err != over {
			t.Fatal(err)
		}
		if p.watched.Load() || p.buf != nil || c.timer.index != 0 {
			t.Error("the socket of a connection that has ended is read")
		}
	})
}
