package loop_test

import (
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/loop"
	"github.com/sealsock/sealsock/trust"
)

// plainEcho writes back what comes at once: its peers read.
func plainEcho(t testing.TB) *handler {
	return &handler{data: func(c *loop.Conn, data []byte) {
		if _, err := c.Write(data); err != nil {
			t.Error(err)
		}
	}}
}

// bulk sends n blocks of 64 KiB, of which at most four are under way, and reads the echo.
func bulk(t testing.TB, c *sealsock.Conn, n int) {
	under := make(chan struct{}, 4)
	go func() {
		data := make([]byte, 64<<10)
		for range n {
			under <- struct{}{}
			if _, err := c.Write(data); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	data := make([]byte, 64<<10)
	for range n {
		if _, err := io.ReadFull(c, data); err != nil {
			t.Error(err)
			return
		}
		<-under
	}
}

// TestBulkAllocatesLittle: buffers are used again, those of input as those of output.
func TestBulkAllocatesLittle(t *testing.T) {
	d, addr, _ := serve(t, loop.Options{Loops: 1}, plainEcho(t))
	c := dial(t, d, addr)
	bulk(t, c, 100)
	const rounds = 500
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	bulk(t, c, rounds)
	runtime.ReadMemStats(&after)
	each := (after.TotalAlloc - before.TotalAlloc) / rounds
	t.Logf("%d bytes are allocated for each 64 KiB, in both ends", each)
	if each > mostAllocated {
		t.Errorf("an echo of 64 KiB allocates %d bytes, more than %d", each, mostAllocated)
	}
}

// A cutting connection holds back what is written behind the first n bytes.
type cutting struct {
	*net.TCPConn
	n    int // negative if nothing is held back
	held []byte
}

func (c *cutting) Write(p []byte) (int, error) {
	if c.n < 0 {
		return c.TCPConn.Write(p)
	}
	n := min(c.n, len(p))
	c.n -= n
	c.held = append(c.held, p[n:]...)
	_, err := c.TCPConn.Write(p[:n])
	return len(p), err
}

// TestPartsHoldLittle: a connection that waits for the rest of a record holds at most four times
// what came of it, and no more than one record. The memory is used again.
func TestPartsHoldLittle(t *testing.T) {
	opened, got := make(chan *loop.Conn, 1), make(chan int, 1)
	sum := 0
	_, addr, _ := serve(t, loop.Options{Loops: 1}, &handler{
		open: func(c *loop.Conn) { opened <- c },
		data: func(_ *loop.Conn, data []byte) {
			if sum += len(data); sum%16384 == 0 {
				got <- sum
			}
		},
	})
	cfg := &sealsock.Config{ServerName: "localhost", Trust: &trust.Policy{Insecure: true}}
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	cut := &cutting{TCPConn: raw.(*net.TCPConn), n: -1}
	c, err := sealsock.Client(cut, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	far := next(t, opened)
	for i, n := range []int{3, 100, 4000, engine.MaxRecord / 4, engine.MaxRecord/4 + 1, 16000} {
		cut.n = n
		if _, err := c.Write(make([]byte, 16384)); err != nil {
			t.Fatal(err)
		}
		held, holds := make(chan [2]int, 1), [2]int{}
		for end := time.Now().Add(time.Minute); holds[0] < n; time.Sleep(time.Millisecond) {
			far.Do(func(c *loop.Conn) { held <- loop.Held(c) })
			if holds = next(t, held); time.Now().After(end) {
				t.Fatalf("of %d bytes %d came", n, holds[0])
			}
		}
		if holds[1] > min(4*n, engine.MaxRecord) {
			t.Errorf("for %d bytes of a record the connection holds %d", n, holds[1])
		}
		if _, err := raw.Write(cut.held); err != nil {
			t.Fatal(err)
		}
		cut.n, cut.held = -1, nil
		if sum := next(t, got); sum != (i+1)*16384 {
			t.Errorf("%d bytes came", sum)
		}
	}
	kept := make(chan int, 1)
	far.Do(func(c *loop.Conn) { kept <- loop.Parts(c) })
	if n := next(t, kept); n != 1 {
		t.Errorf("the loop keeps %d buffers for the next part, not 1", n)
	}
}

// BenchmarkBulk echoes 64 KiB, with four blocks under way.
func BenchmarkBulk(b *testing.B) {
	d, addr, _ := serve(b, loop.Options{Loops: 1}, plainEcho(b))
	c := dial(b, d, addr)
	b.SetBytes(64 << 10)
	b.ReportAllocs()
	b.ResetTimer()
	bulk(b, c, b.N)
}

// BenchmarkTrip makes round trips of 64 bytes.
func BenchmarkTrip(b *testing.B) {
	d, addr, _ := serve(b, loop.Options{Loops: 1}, plainEcho(b))
	c, data := dial(b, d, addr), make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(data); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, data); err != nil {
			b.Fatal(err)
		}
	}
}
