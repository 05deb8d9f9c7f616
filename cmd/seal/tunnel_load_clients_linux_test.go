package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// over reports whether the clients are to end.
func (r *loadRun) over() bool {
	select {
	case <-r.end:
		return true
	default:
		return r.t.Failed()
	}
}

// A moment is when something began, to judge an error of it.
type moment struct{ disturbed, faulty int64 }

func (r *loadRun) now() moment { return moment{r.disturbed.Load(), r.faulty.Load()} }

// excused reports whether a fault may have caused what ended since.
func (r *loadRun) excused(since moment) bool {
	return since.faulty > 0 || r.disturbed.Load() != since.disturbed
}

// fault runs what may end connections.
func (r *loadRun) fault(do func()) {
	r.faulty.Add(1)
	r.disturbed.Add(1)
	do()
	r.disturbed.Add(1)
	r.faulty.Add(-1)
}

// A halfCloser is a connection of which one direction can end.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// foreign connects with crypto/tls. In Go 1.27 its connections must not close one direction alone:
// they do not follow the change of the key at an upgrade then.
func (r *loadRun) foreign() (halfCloser, error) {
	dialer := &net.Dialer{Timeout: 2 * testTimeout}
	return tls.DialWithDialer(dialer, "tcp", r.addr, r.tls)
}

// own connects with this module.
func (r *loadRun) own() (halfCloser, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*testTimeout)
	defer cancel()
	return r.dialer.Dial(ctx, r.addr)
}

// connect returns a connection, or nil after a failure that a fault excuses.
func (r *loadRun) connect(since moment, dial func() (halfCloser, error)) halfCloser {
	r.places <- struct{}{}
	defer func() { <-r.places }()
	c, err := dial()
	if err == nil {
		return c
	}
	r.refusal.Store(err.Error())
	if r.refused.Add(1); !r.excused(since) {
		r.t.Errorf("a connection was refused: %v", err)
	}
	time.Sleep(time.Millisecond)
	return nil
}

// steady talks over one connection, and over another one when a fault has ended that.
func (r *loadRun) steady(seed uint64, talks func()) {
	defer talks()
	source := rand.New(rand.NewPCG(seed, 3))
	for !r.over() {
		since := r.now()
		c := r.connect(since, r.foreign)
		if c == nil {
			continue
		}
		err := r.talk(c, source, talks)
		c.Close()
		if err == nil {
			return
		}
		if r.cut.Add(1); !r.excused(since) {
			r.t.Errorf("a connection was cut: %v", err)
		}
		r.pause()
	}
}

// pause lets many clients share the processors with the tunnel.
func (r *loadRun) pause() {
	if r.size.steady > 100 {
		time.Sleep(rand.N(2 * time.Second))
	}
}

// talk sends blocks and awaits each of them.
func (r *loadRun) talk(c net.Conn, source *rand.Rand, talks func()) error {
	for !r.over() {
		block := make([]byte, 1+source.IntN(3000))
		for i := range block {
			block[i] = byte(source.Uint32())
		}
		c.SetDeadline(time.Now().Add(4 * testTimeout))
		if _, err := c.Write(block); err != nil {
			return err
		}
		got := make([]byte, len(block))
		if n, err := io.ReadFull(c, got); err != nil {
			return err
		} else if !bytes.Equal(got[:n], block) {
			r.t.Error("other bytes came back")
		}
		r.exchanged.Add(1)
		talks()
		r.pause()
	}
	return nil
}

// churn connects, sends a text, and reads it until the end.
func (r *loadRun) churn() {
	for n := 0; !r.over(); n++ {
		since := r.now()
		c := r.connect(since, r.own)
		if c == nil {
			continue
		}
		want := strings.Repeat(fmt.Sprint(n, " "), 1+n%3000)
		got, err := exchangeWhole(c, want)
		switch {
		case err == nil && got != want:
			r.t.Errorf("an orderly end after %d of %d bytes", len(got), len(want))
		case err == nil:
			r.churned.Add(1)
		default:
			if r.cut.Add(1); !r.excused(since) {
				r.t.Errorf("a connection was cut: %v", err)
			}
		}
	}
}

// exchangeWhole sends a text and the end, and reads until the end.
func exchangeWhole(c halfCloser, text string) (string, error) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(4 * testTimeout))
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, text)
		if err == nil {
			err = c.CloseWrite()
		}
		sent <- err
	}()
	got, err := io.ReadAll(c)
	if err != nil {
		c.Close()
	}
	return string(got), errors.Join(err, <-sent)
}

// A slowConn reads little, and pauses.
type slowConn struct{ net.Conn }

// Read implements net.Conn.
func (c slowConn) Read(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return c.Conn.Read(p[:min(len(p), 4096)])
}

// slow sends much, and reads it slowly, so that every buffer is full.
func (r *loadRun) slow() {
	text := strings.Repeat("0123456789abcdef", 1<<16)
	for !r.over() {
		since := r.now()
		c := r.connect(since, r.own)
		if c == nil {
			continue
		}
		got, err := r.readSlowly(c, text)
		switch {
		case err == nil && got != text:
			r.t.Errorf("slow: an orderly end after %d of %d bytes", len(got), len(text))
		case err == nil:
			r.slowed.Add(1)
		default:
			if r.cut.Add(1); !r.excused(since) {
				r.t.Errorf("slow: a connection was cut: %v", err)
			}
		}
	}
}

func (r *loadRun) readSlowly(c halfCloser, text string) (string, error) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(8 * testTimeout))
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, text)
		sent <- errors.Join(err, c.CloseWrite())
	}()
	got, err := io.ReadAll(slowConn{c})
	if err != nil {
		c.Close()
	}
	return string(got), errors.Join(err, <-sent)
}

// A loadBackend sends back what it receives.
type loadBackend struct {
	l    net.Listener
	mu   sync.Mutex
	dead bool
	open map[net.Conn]bool
}

func startLoadBackend(t *testing.T) *loadBackend {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	b := &loadBackend{l: l, open: map[net.Conn]bool{}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go b.serve(c.(*net.TCPConn))
		}
	}()
	return b
}

func (b *loadBackend) serve(c *net.TCPConn) {
	b.mu.Lock()
	b.open[c] = true
	dead := b.dead
	b.mu.Unlock()
	if dead {
		c.SetLinger(0)
	} else {
		io.Copy(c, c)
	}
	b.mu.Lock()
	delete(b.open, c)
	b.mu.Unlock()
	c.Close()
}

// kill resets all connections, and each new one while dead, as the system does with those of a
// process that was killed. The port stays the backend's, so that no other process gets it.
func (b *loadBackend) kill(dead bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dead = dead; dead {
		for c := range b.open {
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
	}
}
