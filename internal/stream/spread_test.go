package stream

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/gcm"
	"github.com/sealsock/sealsock/internal/record"
)

// processors makes the process use n of them until the test ends.
func processors(t testing.TB, n int) {
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// alwaysGains makes helpers gain until the test ends, whatever the times are.
func alwaysGains(t testing.TB) {
	before := gains
	gains = func(_, _ time.Duration) bool { return true }
	t.Cleanup(func() { gains = before })
}

// randomBytes returns n of them.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

// TestSpread: a large Write arrives whole, with the helpers that there are, while the peer
// asks for new keys, and keys change by themselves.
func TestSpread(t *testing.T) {
	alwaysGains(t)
	for _, procs := range []int{1, 2, 4, 8} {
		for _, perKey := range []uint64{0, 30} {
			t.Run(fmt.Sprintf("%d processors, %d records a key", procs, perKey), func(t *testing.T) {
				processors(t, procs)
				a, b := sockets(t)
				client, server := openedFor(t, a, b, func(c *engine.Config) {
					c.MaxRecordsPerKey = perKey
				})
				sent := randomBytes(3<<20 + 12345)
				done := make(chan error, 1)
				go func() {
					n, err := client.Write(sent)
					if err == nil && n != len(sent) {
						err = io.ErrShortWrite
					}
					client.CloseWrite()
					done <- err
				}()
				go io.Copy(io.Discard, client)
				var got bytes.Buffer
				part := make([]byte, 100_000)
				for i := 0; ; i++ {
					n, err := server.Read(part)
					got.Write(part[:n])
					if err == io.EOF {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					if i%10 == 0 {
						server.Rekey(t.Context(), true)
					}
				}
				if err := <-done; err != nil || !bytes.Equal(got.Bytes(), sent) {
					t.Errorf("%d of %d bytes arrived, or others: %v", got.Len(), len(sent), err)
				}
				if n := helping.Load(); n != 0 {
					waitFor(t, "helpers end", func() bool { return helping.Load() == 0 })
				}
			})
		}
	}
}

// waitFor waits until something is so.
func waitFor(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within a minute: " + what)
		}
	}
}

// TestSpreadAfterDeadline: a large Write that a deadline ends continues with what it has not
// counted, and no byte is lost or repeated.
func TestSpreadAfterDeadline(t *testing.T) {
	alwaysGains(t)
	processors(t, 4)
	a, b := sockets(t)
	client, server := opened(t, a, b)
	sent := randomBytes(20 << 20)
	done := make(chan error, 1)
	go func() {
		defer client.CloseWrite()
		for left := sent; len(left) > 0; {
			client.SetWriteDeadline(time.Now().Add(2 * time.Millisecond))
			n, err := client.Write(left)
			if left = left[n:]; err != nil && !isTimeout(err) {
				done <- err
				return
			}
		}
		client.SetWriteDeadline(time.Time{})
		done <- nil
	}()
	var got bytes.Buffer
	part := make([]byte, 1<<20)
	for {
		n, err := server.Read(part)
		got.Write(part[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Microsecond) // so that the sockets are full
	}
	if err := <-done; err != nil || !bytes.Equal(got.Bytes(), sent) {
		t.Errorf("%d of %d bytes arrived, or others: %v", got.Len(), len(sent), err)
	}
}

// TestSpreadAbort: the alert of another goroutine comes behind what was reserved before it.
func TestSpreadAbort(t *testing.T) {
	alwaysGains(t)
	processors(t, 4)
	a, b := net.Pipe()
	client, server := opened(t, a, b)
	failed := make(chan error, 1)
	go func() {
		_, err := client.Write(make([]byte, 64<<20))
		failed <- err
	}()
	if _, err := io.ReadFull(server, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	go client.Abort(iana.AlertInternalError)
	_, err := io.Copy(io.Discard, server)
	if e, ok := err.(*engine.Error); !ok || e.Alert != iana.AlertInternalError {
		t.Errorf("the peer learns %v", err)
	}
	if err := <-failed; err == nil {
		t.Error("a Write that was aborted succeeds")
	}
}

// TestHelpersAreBounded: all connections together have a helper less than there are
// processors.
func TestHelpersAreBounded(t *testing.T) {
	waitFor(t, "helpers end", func() bool { return helping.Load() == 0 })
	processors(t, 5)
	defer helping.Store(0)
	for i, want := range []int{3, 1, 0, 0} {
		if got := takeHelpers(maxHelpers); got != want {
			t.Errorf("Write %d has %d helpers, not %d", i, got, want)
		}
	}
	helping.Add(-2)
	if got := takeHelpers(maxHelpers); got != 2 {
		t.Errorf("%d helpers, not the 2 that were given back", got)
	}
	helping.Store(0)
	runtime.GOMAXPROCS(1)
	if got := takeHelpers(maxHelpers); got != 0 {
		t.Errorf("%d helpers on one processor", got)
	}
}

// A sink is a connection that takes everything at once.
type sink struct{ net.Conn }

func (sink) Write(p []byte) (int, error)      { return len(p), nil }
func (sink) SetWriteDeadline(time.Time) error { return nil }

// BenchmarkSpread seals large Writes on one processor and on several, in short turns, and discards
// them. It reports the best turn of each and their ratio, which other work on the machine disturbs
// least, and the ratio that the cipher alone reaches in two goroutines: two processors may share
// what they are made of.
func BenchmarkSpread(b *testing.B) {
	for _, size := range []int{128 << 10, 256 << 10, 512 << 10, 1 << 20, 4 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			near, far := net.Pipe()
			client, _ := openedFor(b, near, far, func(*engine.Config) {})
			setRaw(client, sink{near})
			data := make([]byte, size)
			write := func(write func([]byte) (int, error)) func() {
				return func() {
					for n := 0; n < 1<<20; n += size {
						if _, err := write(data); err != nil {
							b.Fatal(err)
						}
					}
				}
			}
			const d = 30 * time.Millisecond
			one, several, alone, both := time.Hour, time.Hour, time.Hour, time.Hour
			for b.Loop() {
				one = min(one, bestOf(d, write(client.writeSerial)))
				several = min(several, bestOf(d, write(client.Write)))
				alone = min(alone, bestOf(d, sealRecords))
				both = min(both, bestOfBoth(d, sealRecords))
			}
			b.ReportMetric(float64(max(size, 1<<20))/float64(one), "one-GB/s")
			b.ReportMetric(float64(one)/float64(several), "ratio")
			b.ReportMetric(2*float64(alone)/float64(both), "cipher-ratio")
		})
	}
}

// bestOf returns the shortest time that f takes.
func bestOf(d time.Duration, f func()) time.Duration {
	best := time.Hour
	for begin := time.Now(); time.Since(begin) < d; {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best
}

// bestOfBoth returns the shortest time in which f ends in two goroutines.
func bestOfBoth(d time.Duration, f func()) time.Duration {
	var begun, done atomic.Int64
	go func() {
		for last := int64(0); last >= 0; {
			n := begun.Load()
			if n > last {
				f()
				done.Store(n)
			}
			last = n
		}
	}()
	defer begun.Store(-1)
	return bestOf(d, func() {
		n := begun.Add(1)
		f()
		for done.Load() != n {
		}
	})
}

// sealRecords seals 1 MiB without a connection.
func sealRecords() {
	aead, err := gcm.New(make([]byte, 16))
	if err != nil {
		panic(err)
	}
	data, nonce := make([]byte, record.MaxPlaintext), make([]byte, aead.NonceSize())
	sealed := make([]byte, 0, engine.MaxRecord)
	for range 1 << 20 / len(data) {
		aead.Seal(sealed, nonce, data, nil)
	}
}

// readSizes has the largest size of the reads from a source.
type readSizes struct {
	io.Reader
	largest int
}

func (r *readSizes) Read(p []byte) (int, error) {
	r.largest = max(r.largest, len(p))
	return r.Reader.Read(p)
}

// TestCopyIsSpread: a copy in bulk moves enough at once to be sealed on several processors, and
// as many as there are processors do so at a time.
func TestCopyIsSpread(t *testing.T) {
	processors(t, 2)
	sent := randomBytes(5 << 20)
	transfer := func() int {
		a, b := sockets(t)
		client, server := opened(t, a, b)
		src := &readSizes{Reader: bytes.NewReader(sent)}
		done := make(chan error, 1)
		go func() {
			_, err := client.ReadFrom(src)
			client.CloseWrite()
			done <- err
		}()
		got, err := io.ReadAll(server)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d of %d bytes arrived, or others: %v", len(got), len(sent), err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		return src.largest
	}
	if n := transfer(); n < spreadSize {
		t.Errorf("a copy moves %d bytes at once", n)
	}
	if n := wides.Load(); n != 0 {
		t.Errorf("%d wide buffers are in use after the copies", n)
	}
	wides.Add(2)
	defer wides.Add(-2)
	if n := transfer(); n > copySize {
		t.Errorf("a copy beside two moves %d bytes at once", n)
	}
}
