package stream

import (
	"bytes"
	"errors"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// A hooked is a connection that takes everything at once, after a call.
type hooked struct {
	net.Conn
	before func() error
	got    bytes.Buffer
}

func (h *hooked) SetWriteDeadline(time.Time) error { return nil }

func (h *hooked) Write(p []byte) (int, error) {
	if err := h.before(); err != nil {
		return 0, err
	}
	return h.got.Write(p)
}

// hookedConn returns a connection over a hooked.
func hookedConn(t *testing.T, before func() error) (*Conn, *hooked) {
	t.Helper()
	near, far := net.Pipe()
	client, _ := openedFor(t, near, far, func(*engine.Config) {})
	raw := &hooked{Conn: near, before: before}
	setRaw(client, raw)
	return client, raw
}

// idleHelpers waits until there is no helper.
func idleHelpers(t *testing.T) {
	t.Helper()
	waitFor(t, "helpers end", func() bool { return helping.Load() == 0 })
}

// TestHelpersSeal: while the writer is in the connection below, helpers seal what waits, and they
// end when there is nothing to do.
func TestHelpersSeal(t *testing.T) {
	alwaysGains(t)
	processors(t, 2)
	idleHelpers(t)
	b := newBoard()
	writes := 0
	client, raw := hookedConn(t, func() error {
		if writes++; writes == 2 { // the first one behind the trial
			waitFor(t, "the others are sealed", func() bool { return b.waiting() == 0 })
		}
		return nil
	})
	sent := randomBytes(20 * copySize)
	if n, err := client.writeShares(b, sent); n != len(sent) || err != nil {
		t.Fatal(n, err)
	}
	if b.shelves[1].top.Load() == nil {
		t.Error("the helper has sealed nothing")
	}
	if b.shelves[2].top.Load() != nil || b.shelves[3].top.Load() != nil {
		t.Error("more than one helper has run on two processors")
	}
	if raw.got.Len() < len(sent) || b.left() != 0 || b.waiting() != 0 {
		t.Errorf("%d bytes were sent, and %d shares are left", raw.got.Len(), b.left())
	}
	for i := range b.shares {
		if s := &b.shares[i]; s.data != nil || s.buf != nil || s.sealed != nil {
			t.Error("a share keeps the memory of a Write that is done")
		}
	}
	idleHelpers(t)
	if b.helpers.Load() != 0 {
		t.Error("a helper that has ended is on the board")
	}
}

// TestNoHelperWithoutGain: no goroutine helps where the system takes longer than sealing, nor on
// one processor.
func TestNoHelperWithoutGain(t *testing.T) {
	idleHelpers(t)
	before := gains
	t.Cleanup(func() { gains = before })
	for _, c := range []struct {
		procs int
		gain  bool
	}{{2, false}, {1, true}} {
		runtime.GOMAXPROCS(c.procs)
		processors(t, c.procs)
		gains = func(_, _ time.Duration) bool { return c.gain }
		client, raw := hookedConn(t, func() error {
			if helping.Load() != 0 {
				return errors.New("a helper runs")
			}
			return nil
		})
		sent := randomBytes(20 * copySize)
		if n, err := client.Write(sent); n != len(sent) || err != nil {
			t.Errorf("%d processors: %d bytes, %v", c.procs, n, err)
		}
		if raw.got.Len() < len(sent) {
			t.Errorf("%d processors: %d bytes were sent", c.procs, raw.got.Len())
		}
	}
}

func TestGains(t *testing.T) {
	for _, c := range []struct {
		seal, send time.Duration
		want       bool
	}{
		{5 * time.Microsecond, 100, true},
		{5 * time.Microsecond, 9 * time.Microsecond, true},
		{5 * time.Microsecond, 10 * time.Microsecond, false},
		{5 * time.Microsecond, time.Second, false},
	} {
		if gains(c.seal, c.send) != c.want {
			t.Errorf("%v to seal and %v to send: %v", c.seal, c.send, !c.want)
		}
	}
}

// TestSpreadFailure: after a failure in the middle the shares that have numbers are kept, in
// their order, and the board is empty for another Write.
func TestSpreadFailure(t *testing.T) {
	alwaysGains(t)
	processors(t, 4)
	late := &net.OpError{Op: "write", Err: errTimeout{}}
	writes := 0
	client, raw := hookedConn(t, func() error {
		if writes++; writes == 3 {
			return late
		}
		return nil
	})
	b := newBoard()
	sent := randomBytes(30 * copySize)
	n, err := client.writeShares(b, sent)
	if !isTimeout(err) || n >= len(sent) || b.left() != 0 || b.waiting() != 0 {
		t.Fatalf("%d bytes, %v, and %d shares are left", n, err, b.left())
	}
	kept, before := len(client.out.unsent), raw.got.Len()
	if kept == 0 || kept+before < n {
		t.Errorf("%d bytes are kept and %d were sent, of %d", kept, before, n)
	}
	if m, err := client.Write(sent[n:]); n+m != len(sent) || err != nil {
		t.Fatal(m, err)
	}
	serial, want := hookedConn(t, func() error { return nil })
	if _, err := serial.writeSerial(sent); err != nil {
		t.Fatal(err)
	}
	if raw.got.Len() != want.got.Len() {
		t.Errorf("%d bytes were sent, not %d", raw.got.Len(), want.got.Len())
	}
}

type errTimeout struct{}

func (errTimeout) Error() string   { return "too late" }
func (errTimeout) Timeout() bool   { return true }
func (errTimeout) Temporary() bool { return true }

// TestBlockedWriter: a writer that waits long for a share blocks, and each share that a helper
// seals makes it look.
func TestBlockedWriter(t *testing.T) {
	processors(t, 2)
	b := newBoard()
	publish := func() *share {
		s := b.add()
		b.published.Add(1)
		return s
	}
	mine := publish()
	b.taken.Add(1) // as a helper that the system has stopped
	done := make(chan *share)
	go func() { done <- b.oldest() }()
	blocked := func() bool { return b.blocked.Load() }
	for range 3 {
		waitFor(t, "the writer blocks", blocked)
		other := publish()
		helping.Add(1)
		b.helpers.Or(1 << 1)
		go b.help(1)
		waitFor(t, "a helper seals", other.done.Load)
		waitFor(t, "the helper ends", func() bool { return b.helpers.Load() == 0 })
	}
	waitFor(t, "the writer blocks", blocked)
	select {
	case <-done:
		t.Fatal("a share that is not sealed is taken")
	default:
	}
	mine.done.Store(true)
	publish()
	helping.Add(1)
	b.helpers.Or(1 << 1)
	go b.help(1)
	select {
	case s := <-done:
		if s != mine {
			t.Error("another share is the oldest one")
		}
	case <-time.After(20 * time.Second):
		t.Error("a helper did not wake the writer")
	}
}

// TestShelf: the buffer that was put back last is taken first, and a shelf has few.
func TestShelf(t *testing.T) {
	var f shelf
	var all []*buffer
	for range boardSize {
		all = append(all, f.take())
	}
	for _, buf := range all {
		f.put(buf)
	}
	for i := range boardSize / 2 {
		if f.take() != all[boardSize/2-1-i] {
			t.Errorf("buffer %d is another one", i)
		}
	}
	if f.top.Load() != nil {
		t.Error("a shelf keeps more buffers than a sealer needs")
	}
}

// setRaw makes raw the connection below c.
func setRaw(c *Conn, raw net.Conn) { c.raw, c.in.source = raw, newSource(c, raw) }
