package loop_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/loop"
	"github.com/sealsock/sealsock/trust"
)

// configs returns a client's and a server's Config that accept each other.
func configs(t testing.TB) (client, server *sealsock.Config) {
	t.Helper()
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "localhost", "127.0.0.1")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	roots := new(trust.Roots)
	if err := roots.AddDER(ca.Cert.Raw); err != nil {
		t.Fatal(err)
	}
	return &sealsock.Config{Trust: &trust.Policy{Roots: roots}},
		&sealsock.Config{Identities: []*identity.Identity{id}}
}

// handler is a Handler made of functions, each of which may be nil.
type handler struct {
	open  func(*loop.Conn)
	data  func(*loop.Conn, []byte)
	close func(*loop.Conn, error)
}

func (h *handler) OnOpen(c *loop.Conn) {
	if h.open != nil {
		h.open(c)
	}
}

func (h *handler) OnData(c *loop.Conn, data []byte) {
	if h.data != nil {
		h.data(c, data)
	}
}

func (h *handler) OnClose(c *loop.Conn, err error) {
	if h.close != nil {
		h.close(c, err)
	}
}

// echo writes back what comes and stops reading while the peer takes nothing.
type echo struct{ handler }

func (e *echo) OnData(c *loop.Conn, data []byte) {
	rest, _ := c.Value().([]byte)
	rest = append(rest, data...)
	n, err := c.Write(rest)
	if errors.Is(err, loop.ErrFull) {
		c.Pause()
	}
	c.SetValue(append([]byte(nil), rest[n:]...))
}

func (e *echo) OnDrained(c *loop.Conn) {
	e.OnData(c, nil)
	if rest, _ := c.Value().([]byte); len(rest) == 0 {
		c.Unpause()
	}
}

// serve starts a group with a listener and returns a dialer and its address.
func serve(
	t testing.TB, opts loop.Options, h loop.Handler,
) (d *sealsock.Dialer, addr string, g *loop.Group) {
	t.Helper()
	cc, sc := configs(t)
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", sc)
	if err != nil {
		t.Fatal(err)
	}
	if g, err = loop.New(opts); err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = g.Serve(context.Background(), l, h) })
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
		g.Close()
	})
	if d, err = sealsock.NewDialer(cc); err != nil {
		t.Fatal(err)
	}
	return d, l.Addr().String(), g
}

func dial(t testing.TB, d *sealsock.Dialer, addr string) *sealsock.Conn {
	t.Helper()
	c, err := d.Dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// TestEcho sends much in both directions on several connections at once. The loops have
// little room for output, so that both sides have to wait for the other.
func TestEcho(t *testing.T) {
	d, addr, _ := serve(t, loop.Options{Loops: 2, WriteLimit: 40_000}, new(echo))
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			c := dial(t, d, addr)
			sent := make([]byte, 3<<20)
			rand.Read(sent)
			var writing sync.WaitGroup
			writing.Go(func() {
				for rest := sent; len(rest) > 0; {
					n := min(len(rest), 1+len(rest)/3)
					if _, err := c.Write(rest[:n]); err != nil {
						t.Error(err)
						return
					}
					rest = rest[n:]
				}
			})
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("the echo differs: %v", err)
			}
			writing.Wait()
			if err := c.CloseWrite(); err != nil {
				t.Error(err)
			}
			if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
				t.Errorf("at the end %q, %v", rest, err)
			}
		})
	}
	clients.Wait()
}

// TestIdleCostsNoGoroutine holds connections and counts goroutines, and tries that all
// of them answer afterwards.
func TestIdleCostsNoGoroutine(t *testing.T) {
	const n = 200
	d, addr, g := serve(t, loop.Options{Loops: 2}, new(echo))
	before := runtime.NumGoroutine()
	var conns []*sealsock.Conn
	for range n {
		conns = append(conns, dial(t, d, addr))
	}
	for end := time.Now().Add(time.Minute); g.Len() < n || runtime.NumGoroutine() > before+10; {
		if time.Now().After(end) {
			t.Fatalf("%d connections and %d goroutines, %d before", g.Len(), runtime.NumGoroutine(), before)
		}
		time.Sleep(5 * time.Millisecond)
	}
	for i, c := range conns {
		exchange(t, c, fmt.Sprint("hello ", i))
	}
}

// exchange writes a text, which must be echoed.
func exchange(t *testing.T, c *sealsock.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("%q came back for %q: %v", got, text, err)
	}
}

// TestEnds tries each way in which a connection ends and what OnClose is told.
func TestEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		opts loop.Options
		data func(*loop.Conn, []byte)
		peer func(*sealsock.Conn)
		want func(error) bool
		back string // the alert that the peer reads, or "EOF"
	}{
		{"the peer ends", loop.Options{}, nil, func(c *sealsock.Conn) { c.CloseWrite() }, isNil, "EOF"},
		{"the handler ends", loop.Options{},
			func(c *loop.Conn, _ []byte) { c.Close() }, nil, isNil, "EOF"},
		{"the peer is cut", loop.Options{}, nil,
			func(c *sealsock.Conn) { c.NetConn().Close() }, truncated, ""},
		{"the peer sends garbage", loop.Options{}, nil, func(c *sealsock.Conn) {
			c.NetConn().Write([]byte("\x17\x03\x03\x00\x20 not a record that anybody sealed"))
		}, fault(engine.FaultPeer), "bad_record_mac"},
		{"the handler panics", loop.Options{}, func(*loop.Conn, []byte) { panic("of the test") }, nil,
			fault(engine.FaultLocal), "internal_error"},
		{"nothing happens", loop.Options{IdleTimeout: time.Second}, nil, func(*sealsock.Conn) {},
			func(err error) bool { return errors.Is(err, loop.ErrIdle) }, "internal_error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			closed := make(chan error, 2)
			d, addr, g := serve(t, test.opts, &handler{
				data: test.data, close: func(_ *loop.Conn, err error) { closed <- err },
			})
			c := dial(t, d, addr)
			if test.peer != nil {
				test.peer(c)
			} else if _, err := c.Write([]byte("begin")); err != nil {
				t.Fatal(err)
			}
			if err := <-closed; !test.want(err) {
				t.Errorf("OnClose received %v", err)
			}
			if test.back != "" {
				_, err := io.ReadAll(c)
				if got := alertName(err); got != test.back {
					t.Errorf("the peer reads %v (%s), want %s", err, got, test.back)
				}
			}
			for end := time.Now().Add(time.Minute); g.Len() > 0; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("the connection is still there")
				}
			}
			select {
			case err := <-closed:
				t.Errorf("OnClose was called again, with %v", err)
			default:
			}
		})
	}
}

func isNil(err error) bool { return err == nil }

// truncated also takes a reset: the peer had not read all when it was cut.
func truncated(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

func fault(f engine.Fault) func(error) bool {
	return func(err error) bool {
		var e *engine.Error
		return errors.As(err, &e) && e.Fault == f
	}
}

func alertName(err error) string {
	var e *engine.Error
	switch {
	case err == nil:
		return "EOF"
	case errors.As(err, &e) && e.Fault == engine.FaultAlert:
		return e.Alert.String()
	}
	return "no alert"
}

// TestWriteTimeout tries that a peer that takes nothing does not hold its output for ever.
func TestWriteTimeout(t *testing.T) {
	closed := make(chan error, 1)
	d, addr, _ := serve(t, loop.Options{WriteTimeout: time.Second, WriteLimit: 64 << 20}, &handler{
		open:  func(c *loop.Conn) { c.Write(make([]byte, 32<<20)) },
		close: func(_ *loop.Conn, err error) { closed <- err },
	})
	dial(t, d, addr)
	if err := <-closed; !errors.Is(err, loop.ErrWriteTimeout) {
		t.Errorf("OnClose received %v", err)
	}
}

// TestWriteLimit tries that what waits is bounded, and that Write returns how much it took.
func TestWriteLimit(t *testing.T) {
	const limit = 100_000
	result := make(chan error, 1)
	d, addr, _ := serve(t, loop.Options{WriteLimit: limit}, &handler{open: func(c *loop.Conn) {
		n, err := c.Write(make([]byte, 64<<20))
		switch {
		case !errors.Is(err, loop.ErrFull) || n == 0 || n == 64<<20:
			result <- fmt.Errorf("%d bytes were taken: %w", n, err)
		case c.Buffered() > 2*limit:
			result <- fmt.Errorf("%d bytes wait", c.Buffered())
		default:
			result <- nil
		}
	}})
	dial(t, d, addr)
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// TestPause tries that nothing is received while a connection is paused, and that
// nothing is lost.
func TestPause(t *testing.T) {
	var seen atomic.Int64
	conn := make(chan *loop.Conn, 1)
	d, addr, _ := serve(t, loop.Options{}, &handler{
		open: func(c *loop.Conn) { conn <- c },
		data: func(c *loop.Conn, data []byte) {
			if seen.Add(int64(len(data))) == 1 {
				c.Pause()
			}
		},
	})
	c := dial(t, d, addr)
	own := <-conn
	c.Write([]byte("a"))
	wait(t, func() bool { return seen.Load() == 1 })
	c.Write(make([]byte, 100_000))
	time.Sleep(50 * time.Millisecond)
	if n := seen.Load(); n != 1 {
		t.Errorf("%d bytes were received during the pause", n)
	}
	own.Do(func(c *loop.Conn) { c.Unpause() })
	wait(t, func() bool { return seen.Load() == 100_001 })
}

func wait(t *testing.T, until func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !until(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not happen within a minute")
		}
	}
}

// TestClient drives clients by a loop, with resumption, key updates, and data that came
// before the connection was added.
func TestClient(t *testing.T) {
	cc, sc := configs(t)
	cc.Sessions = sealsock.NewMemoryCache(1)
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", sc)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.WriteString(c, "welcome ")
				io.Copy(c, c)
			}()
		}
	}()
	g, err := loop.New(loop.Options{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for i := range 3 {
		c, err := sealsock.Dial(t.Context(), l.Addr().String(), cc)
		if err != nil {
			t.Fatal(err)
		}
		if first := make([]byte, 3); i > 0 {
			if _, err := io.ReadFull(c, first); err != nil || string(first) != "wel" {
				t.Fatalf("%q: %v", first, err)
			}
		}
		got, ended := make(chan string, 1), make(chan error, 1)
		var all []byte
		want := "welcome and goodbye"
		if i > 0 {
			want = want[3:]
		}
		_, err = g.Add(c, &handler{
			open: func(c *loop.Conn) {
				if err := c.Rekey(true); err != nil {
					t.Error(err)
				}
				c.Write([]byte("and goodbye"))
			},
			data: func(c *loop.Conn, data []byte) {
				if all = append(all, data...); len(all) == len(want) {
					got <- fmt.Sprint(string(all), c.State().Resumed)
					c.Close()
				}
			},
			close: func(_ *loop.Conn, err error) { ended <- err },
		})
		if err != nil {
			t.Fatal(err)
		}
		if text := <-got; text != fmt.Sprint(want, i > 0) {
			t.Errorf("connection %d: %q", i, text)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a write on the detached connection: %v", err)
		}
	}
}

// TestGroupClose tries that connections end with close_notify and that nothing can be
// added afterwards.
func TestGroupClose(t *testing.T) {
	cc, sc := configs(t)
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", sc)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	g, err := loop.New(loop.Options{Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	opened, closed := make(chan bool, 5), make(chan error, 5)
	h := &handler{
		open:  func(*loop.Conn) { opened <- true },
		close: func(_ *loop.Conn, err error) { closed <- err },
	}
	go g.Serve(context.Background(), l, h)
	d, err := sealsock.NewDialer(cc)
	if err != nil {
		t.Fatal(err)
	}
	var conns []*sealsock.Conn
	for range 5 {
		conns = append(conns, dial(t, d, l.Addr().String()))
		<-opened
	}
	g.Close()
	for _, c := range conns {
		if err := <-closed; !errors.Is(err, loop.ErrClosed) {
			t.Errorf("OnClose received %v", err)
		}
		if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
			t.Errorf("the peer reads %q, %v", rest, err)
		}
	}
	late, err := d.Dial(t.Context(), l.Addr().String())
	if err == nil {
		late.Close()
	}
	if _, err := g.Add(late, h); err == nil {
		t.Error("a closed group takes a connection")
	}
}

// TestUnfit tries connections that a loop cannot drive.
func TestUnfit(t *testing.T) {
	g, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	a, b := net.Pipe()
	defer b.Close()
	cc, _ := configs(t)
	c, err := sealsock.Client(a, cc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Add(c, &handler{}); !fault(engine.FaultUsage)(err) {
		t.Errorf("a pipe: %v", err)
	}
	if _, err := g.Add(nil, &handler{}); err == nil {
		t.Error("no connection")
	}
	if _, err := new(loop.Group).Add(c, &handler{}); err == nil {
		t.Error("the zero Group")
	}
}
