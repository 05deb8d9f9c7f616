package transfer

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/relaytest"
	"github.com/sealsock/sealsock/internal/safename"
)

// stopping cancels a context when so many bytes are there.
func stopping(ctx context.Context, at int64) (context.Context, func(done, total int64)) {
	ctx, cancel := context.WithCancel(ctx)
	return ctx, func(done, _ int64) {
		if done >= at {
			cancel()
		}
	}
}

// partial returns how many bytes of unfinished files are in a folder.
func partial(t *testing.T, dir string) int64 {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, safename.PartialPrefix+"*", "[0-9]*"))
	if err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		n += info.Size()
	}
	return n
}

// TestResume: a receiver that is ended twice, with the relay restarted between, has everything
// at the third time, and what was there is not sent again.
func TestResume(t *testing.T) {
	for _, direct := range []bool{false, true} {
		ctx := within(t)
		r := relaytest.New(t)
		from, to := t.TempDir(), t.TempDir()
		files := map[string][]byte{"one": filled(500_000, 3), "two": filled(5_000_000, 4)}
		write(t, from, files)
		s, result := start(ctx, t, SendOptions{Dial: r.Dial, Files: scan(t, from, "one", "two"),
			RelayOnly: !direct, loopback: true})
		opts := ReceiveOptions{Dial: r.Dial, Code: s.Code(), Dir: to, loopback: true}
		least := int64(0)
		for _, at := range []int64{1_000_000, 3_000_000} {
			within, progress := stopping(ctx, at)
			opts.Progress = progress
			if _, err := Receive(within, opts); !errors.Is(err, context.Canceled) {
				t.Fatalf("the receiver that ends at %d: %v", at, err)
			}
			least = partial(t, to)
			if _, err := os.Stat(filepath.Join(to, "two")); err == nil || least == 0 {
				t.Fatalf("a file that is not complete has its name, or nothing is kept: %d", least)
			}
			r.Restart(false)
		}
		first := int64(-1)
		opts.Progress = func(done, _ int64) {
			if first < 0 && done > 500_000 {
				first = done
			}
		}
		if _, err := Receive(ctx, opts); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err != nil {
			t.Fatal(err)
		}
		check(t, to, files)
		if first < least {
			t.Errorf("the third attempt begins at %d, and %d bytes were there", first, least)
		}
	}
}

// TestSenderEnds: another sender with the same files continues what the first one began.
func TestSenderEnds(t *testing.T) {
	ctx := within(t)
	r := relaytest.New(t)
	from, to := t.TempDir(), t.TempDir()
	files := map[string][]byte{"tree/x": filled(12_000_000, 5)}
	write(t, from, files)
	sending, progress := stopping(ctx, 8_000_000)
	s, result := start(sending, t, SendOptions{Dial: r.Dial, Files: scan(t, from, "tree"),
		RelayOnly: true, Progress: func(_ int, done, total int64) { progress(done, total) }})
	receiving, cancel := context.WithCancel(ctx)
	defer cancel()
	var got log
	ended := make(chan error, 1)
	go func() {
		_, err := Receive(receiving, ReceiveOptions{Dial: r.Dial, Code: s.Code(), Dir: to,
			Notify: got.add})
		ended <- err
	}()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	select { // the sender's end arrives, or that it is away
	case err := <-ended:
		if !errors.Is(err, ErrGone) {
			t.Fatal(err)
		}
	case <-time.After(3 * awayNotice):
		got.await(t, Away)
		cancel()
		<-ended
	}
	if partial(t, to) == 0 {
		t.Fatal("nothing is kept")
	}
	s, result = start(ctx, t, SendOptions{Dial: r.Dial, Files: scan(t, from, "tree")})
	present := int64(0)
	_, err := Receive(ctx, ReceiveOptions{Dial: r.Dial, Code: s.Code(), Dir: to,
		Accept: func(_ context.Context, o *Offer) (bool, error) {
			present = o.Present
			return false, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	if present == 0 {
		t.Error("the offer does not tell what is there")
	}
	files["tree/"] = nil
	check(t, to, files)
}

// cutting is a connection that is cut behind some bytes.
type cutting struct {
	net.Conn
	left *atomic.Int64
}

// Read implements net.Conn.
func (c cutting) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.left.Add(int64(-n)) < 0 {
		c.Conn.Close()
	}
	return n, err
}

// TestFallback: when the direct connection ends, the relay carries the rest.
func TestFallback(t *testing.T) {
	ctx := within(t)
	r := relaytest.New(t)
	from, to := t.TempDir(), t.TempDir()
	files := map[string][]byte{"x": filled(6_000_000, 6)}
	write(t, from, files)
	var left atomic.Int64
	left.Store(2_000_000)
	old := wrapDirect
	wrapDirect = func(c net.Conn) net.Conn { return cutting{c, &left} }
	t.Cleanup(func() { wrapDirect = old })
	var sent, got log
	s, result := start(ctx, t, SendOptions{Dial: r.Dial, Files: scan(t, from, "x"),
		Notify: sent.add, loopback: true})
	if _, err := Receive(ctx, ReceiveOptions{Dial: r.Dial, Code: s.Code(), Dir: to,
		Notify: got.add, loopback: true}); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	check(t, to, files)
	got.await(t, Fallback)
	sent.await(t, Fallback)
}

// TestReceivers: several receivers have everything from one sender.
func TestReceivers(t *testing.T) {
	ctx := within(t)
	r := relaytest.New(t)
	from := t.TempDir()
	files := map[string][]byte{"x": filled(300_000, 7)}
	write(t, from, files)
	s, result := start(ctx, t, SendOptions{Dial: r.Dial, Files: scan(t, from, "x"), Receivers: 3})
	for range 3 {
		to := t.TempDir()
		t.Run("receiver", func(t *testing.T) {
			if _, err := Receive(ctx, ReceiveOptions{Dial: r.Dial, Code: s.Code(), Dir: to}); err != nil {
				t.Fatal(err)
			}
			check(t, to, files)
		})
	}
	select {
	case err := <-result:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the sender does not end")
	}
}

// silent is a connection that fails with the third message of its side, behind the two of its
// handshake.
type silent struct {
	net.Conn
	written *atomic.Int64
}

// Write implements net.Conn.
func (s silent) Write(p []byte) (int, error) {
	if s.written.Add(1) == 3 {
		s.Conn.Close()
		return len(p), nil
	}
	return s.Conn.Write(p)
}

// TestFallbackAtOnce: when the direct connection ends before the sender knows that it was chosen,
// the relay carries everything.
func TestFallbackAtOnce(t *testing.T) {
	ctx := within(t)
	r := relaytest.New(t)
	from, to := t.TempDir(), t.TempDir()
	files := map[string][]byte{"x": filled(100_000, 7)}
	write(t, from, files)
	old, oldTime := wrapDirect, directTime
	directTime = 2 * time.Second
	wrapDirect = func(c net.Conn) net.Conn { return silent{c, new(atomic.Int64)} }
	t.Cleanup(func() { wrapDirect, directTime = old, oldTime })
	var got log
	s, result := start(ctx, t, SendOptions{Dial: r.Dial, Files: scan(t, from, "x"), loopback: true})
	_, err := Receive(ctx, ReceiveOptions{Dial: r.Dial, Code: s.Code(), Dir: to, Notify: got.add,
		loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	if _, ok := got.first(Fallback); !ok {
		t.Log("no direct connection was found in time: this shows nothing")
	}
	check(t, to, files)
}
