package measure

import (
	"bytes"
	"context"
	"io"
	"regexp"
	"runtime"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/fipstest"
	"github.com/sealsock/sealsock/internal/peers"
)

// TestRun measures every short case for a moment: each side that has it gives a figure.
func TestRun(t *testing.T) {
	fipstest.Skip(t, "crypto/tls, which is measured, leaves out X25519")
	without := map[string]map[string]bool{
		"crypto/tls": {
			"idle end, event loop, 200 connections": true,
			"bulk in memory, the engine alone":      true,
		},
		LimitName: {
			"resumption, X25519":                             true,
			"idle end, a goroutine in Read, 200 connections": true,
			"idle end, event loop, 200 connections":          true,
			"resumption, X25519, the client's share":         true,
			"resumption, X25519, the server's share":         true,
		},
	}
	sides := []Side{Sealsock(), Standard(), Limit()}
	done := 0
	rows, err := Run(t.Context(), Options{
		Sides: sides, Rounds: 2, Time: 5 * time.Millisecond, Short: true,
		Done: func(Row) { done++ },
	})
	if err != nil || done != len(rows) || done < 14 {
		t.Fatalf("%d rows, of which %d were reported, %v", len(rows), done, err)
	}
	for _, r := range rows {
		for _, s := range sides {
			v, ok := r.Median(s.Name())
			if ok == without[s.Name()][r.Name] || (ok && v <= 0) {
				t.Errorf("%s: %s has %v, %v", r.Name, s.Name(), v, ok)
			}
		}
	}
}

// TestFirstByte measures the handshakes of the long table that need a session.
func TestFirstByte(t *testing.T) {
	fipstest.Skip(t, "crypto/tls, which is measured, leaves out X25519")
	rows, err := Run(t.Context(), Options{
		Sides: []Side{Sealsock(), Standard()}, Rounds: 1, Time: 50 * time.Millisecond,
		Only: regexp.MustCompile("first byte"),
	})
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if _, ok := rows[2].Median("crypto/tls"); ok {
		t.Error("crypto/tls has 0-RTT")
	}
}

// TestAccepts: wrk gets answers from both stacks.
func TestAccepts(t *testing.T) {
	fipstest.Skip(t, "crypto/tls, which is measured, leaves out X25519")
	peers.Need(t, "wrk")
	for _, s := range []Side{Sealsock(), Standard()} {
		if v, err := s.Accepts(time.Second); err != nil || v <= 0 {
			t.Errorf("%s: %v, %v", s.Name(), v, err)
		}
	}
}

// TestSessionsResume: what is called a resumption is one.
func TestSessionsResume(t *testing.T) {
	h := usual
	h.Resume = true
	e, err := readySealsock(h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		x := newExchange(false)
		c, _, err := e.pair(x.end(clientEnd), x.end(serverEnd), x)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.(*sealsock.Conn).State().Resumed; got != (i > 0) {
			t.Errorf("connection %d: resumed is %v", i, got)
		}
	}
}

// TestCanceled: a run ends with its context.
func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.EOF)
	if _, err := Run(ctx, Options{Sides: []Side{Limit()}, Rounds: 1}); err != io.EOF {
		t.Error(err)
	}
}

// TestRatio: a ratio above 1 means better, whatever the unit.
func TestRatio(t *testing.T) {
	r := Row{More: true, Turns: map[string][]float64{"a": {2, 4, 9}, "b": {1, 1, 3}}}
	if v, _ := r.Ratio("a", "b"); v != 3 {
		t.Errorf("more is better: %v", v)
	}
	r.More = false
	if v, _ := r.Ratio("b", "a"); v != 3 {
		t.Errorf("less is better: %v", v)
	}
	if _, ok := r.Ratio("a", "c"); ok {
		t.Error("a ratio without figures")
	}
}

// TestExchange: bytes pass a ring that grows, in order.
func TestExchange(t *testing.T) {
	x := newExchange(true)
	c, s := x.end(clientEnd), x.end(serverEnd)
	const size = 3 * laneSize
	go func() {
		x.begin()
		defer x.pause(clientEnd)
		b := make([]byte, 1000)
		for n := 0; n < size; n += len(b) {
			for i := range b {
				b[i] = byte((n + i) % 251)
			}
			if _, err := c.Write(b[:min(len(b), size-n)]); err != nil {
				t.Error(err)
			}
		}
		c.out.stop()
	}()
	got, err := io.ReadAll(struct{ io.Reader }{readOnly{s}})
	if err != nil || len(got) != size {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for i, b := range got {
		if b != byte(i%251) {
			t.Fatalf("byte %d is %d", i, b)
		}
	}
}

// readOnly reads from the lane alone, so that the other end need not stop.
type readOnly struct{ *end }

func (r readOnly) Read(p []byte) (int, error) { return r.in.read(p) }

// TestLent: what a Read waits for goes to its memory, in order, and nothing to the ring.
func TestLent(t *testing.T) {
	l := newLane()
	small := len(l.ring)
	rooms := []int{1, 5, 4096, 70_000}
	var got []byte
	done := make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			p := make([]byte, rooms[i%len(rooms)])
			n, err := l.read(p)
			if err != nil {
				done <- err
				return
			}
			got = append(got, p[:n]...)
		}
	}()
	var sent []byte
	for i := range 50 {
		for waits := false; !waits; runtime.Gosched() {
			l.Lock()
			waits = l.lent != nil && l.got == 0
			l.Unlock()
		}
		l.Lock()
		room := len(l.lent)
		l.Unlock()
		p := bytes.Repeat([]byte{byte(i)}, room)
		if n, err := l.write(p); n != room || err != nil {
			t.Fatalf("%d of %d bytes, %v", n, room, err)
		}
		sent = append(sent, p...)
	}
	l.stop()
	if err := <-done; err != io.EOF {
		t.Error(err)
	}
	if !bytes.Equal(got, sent) {
		t.Error("other bytes arrived")
	}
	if len(l.ring) != small {
		t.Errorf("the ring has grown to %d bytes", len(l.ring))
	}
	if n, err := l.write(make([]byte, laneSize+1)); n != laneSize || err != io.ErrClosedPipe {
		t.Errorf("behind the end: %d bytes, %v", n, err)
	}
}

// TestLaneOrder: bytes arrive in order, whatever the sizes of writes and reads are, and whichever
// of the two is ahead.
func TestLaneOrder(t *testing.T) {
	const total = 5 * laneSize
	for _, size := range []int{1000, 16_406, laneSize + 1} {
		for _, room := range []int{999, 33_000, 65_624} {
			l := newLane()
			go func() {
				defer l.stop()
				p := make([]byte, size)
				for n := 0; n < total; n += len(p) {
					p = p[:min(size, total-n)]
					for i := range p {
						p[i] = byte((n + i) % 251)
					}
					l.write(p)
				}
			}()
			n := 0
			for p, err := make([]byte, room), error(nil); err == nil; {
				m := 0
				m, err = l.read(p)
				for _, b := range p[:m] {
					if b != byte(n%251) {
						t.Fatalf("writes of %d, reads of %d: byte %d is %d", size, room, n, b)
					}
					n++
				}
			}
			if n != total {
				t.Errorf("writes of %d, reads of %d: %d bytes", size, room, n)
			}
		}
	}
}
