package adapt_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/loop/adapt"
	"github.com/sealsock/sealsock/trust"
)

// A wire is a Transport as the adapter of a library would make it: over a connection of
// package net, with a goroutine that reads.
type wire struct {
	adapt.Turns
	net.Conn
	stuck chan struct{} // what was written waits for it, if it is not nil
	queue []byte
}

func (w *wire) Write(b []byte) (int, error) {
	if w.stuck == nil {
		return w.Conn.Write(b)
	}
	if len(w.queue) == 0 {
		go func() {
			<-w.stuck
			w.Run(func() {
				b := w.queue
				w.stuck, w.queue = nil, nil
				_, _ = w.Conn.Write(b)
			})
		}()
	}
	w.queue = append(w.queue, b...)
	return len(b), nil
}

func (w *wire) Buffered() int { return len(w.queue) }

// start connects a Conn of e to raw.
func start(t testing.TB, e *adapt.Endpoint, w *wire) *adapt.Conn {
	t.Helper()
	var c *adapt.Conn
	var err error
	w.Wait(func() { c, err = e.NewConn(w) })
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := w.Read(buf)
			w.Wait(func() { c.Receive(buf[:n]) })
			if err != nil {
				w.Run(func() { c.Closed(err) })
				return
			}
		}
	}()
	return c
}

// handler is a Handler made of functions, each of which may be nil.
type handler struct {
	open    func(*adapt.Conn)
	data    func(*adapt.Conn, []byte)
	drained func(*adapt.Conn)
	closed  chan error
}

func (h *handler) OnOpen(c *adapt.Conn) {
	if h.open != nil {
		h.open(c)
	}
}

func (h *handler) OnData(c *adapt.Conn, data []byte) {
	if h.data != nil {
		h.data(c, data)
	}
}

func (h *handler) OnDrained(c *adapt.Conn) {
	if h.drained != nil {
		h.drained(c)
	}
}

func (h *handler) OnClose(_ *adapt.Conn, err error) {
	if h.closed != nil {
		h.closed <- err
	}
}

func echo() *handler {
	return &handler{
		data:   func(c *adapt.Conn, data []byte) { c.Write(data) },
		closed: make(chan error, 1),
	}
}

// configs returns a client's and a server's Config that accept each other, in both roles.
func configs(t testing.TB) (client, server *sealsock.Config) {
	t.Helper()
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "localhost")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	roots := new(trust.Roots)
	if err := roots.AddDER(ca.Cert.Raw); err != nil {
		t.Fatal(err)
	}
	ids, policy := []*identity.Identity{id}, &trust.Policy{Roots: roots}
	return &sealsock.Config{Trust: policy, ServerName: "localhost", Identities: ids},
		&sealsock.Config{Trust: policy, Identities: ids}
}

// pair returns the two ends of a connection over TCP, which has a buffer.
func pair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func server(t testing.TB, cfg *sealsock.Config, h adapt.Handler) *adapt.Endpoint {
	t.Helper()
	e, err := adapt.NewServer(cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// client returns the client of a connection to e.
func client(t testing.TB, cfg *sealsock.Config, e *adapt.Endpoint) *sealsock.Conn {
	t.Helper()
	raw, far := pair(t)
	start(t, e, &wire{Conn: far})
	c, err := sealsock.Client(raw, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(50 * time.Second))
	return c
}

func wait[T any](t testing.TB, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(50 * time.Second):
		t.Fatal("nothing happened")
	}
	return v
}

// TestEcho sends a large message there and back, with client certificates, whose
// verification the connection waits for, and ends it from the client's side.
func TestEcho(t *testing.T) {
	cfg, serverCfg := configs(t)
	serverCfg.ClientAuth = sealsock.RequireClientCert
	h := echo()
	subject := make(chan string, 1)
	h.open = func(c *adapt.Conn) { subject <- c.Peer().Certificates[0].DNSNames[0] }
	e := server(t, serverCfg, h)
	e.WriteLimit = 4 << 20 // all may come while the certificate is verified
	c := client(t, cfg, e)
	sent := make([]byte, 3<<20)
	rand.Read(sent)
	go func() {
		c.Write(sent)
		c.CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("%d of %d bytes came back, %v", len(got), len(sent), err)
	}
	if name := wait(t, subject); name != "localhost" {
		t.Errorf("the client is %q", name)
	}
	if err := wait(t, h.closed); err != nil {
		t.Errorf("OnClose received %v", err)
	}
}

// TestBothEnds connects two Endpoints and ends the connection from the server's side.
func TestBothEnds(t *testing.T) {
	cfg, serverCfg := configs(t)
	sh, ch := echo(), echo()
	sh.data = func(c *adapt.Conn, data []byte) {
		c.Write(data)
		c.Close()
	}
	got := make(chan string, 1)
	ch.open = func(c *adapt.Conn) { c.Write([]byte("hello")) }
	ch.data = func(_ *adapt.Conn, data []byte) { got <- string(data) }
	e, err := adapt.NewClient(cfg, ch)
	if err != nil {
		t.Fatal(err)
	}
	near, far := pair(t)
	start(t, server(t, serverCfg, sh), &wire{Conn: far})
	c := start(t, e, &wire{Conn: near})
	if text := wait(t, got); text != "hello" {
		t.Errorf("%q came back", text)
	}
	for _, h := range []*handler{sh, ch} {
		if err := wait(t, h.closed); err != nil {
			t.Errorf("OnClose received %v", err)
		}
	}
	result := make(chan error, 1)
	c.Do(func(c *adapt.Conn) {
		_, err := c.Write([]byte("late"))
		result <- err
	})
	if err := wait(t, result); err != adapt.ErrClosed {
		t.Errorf("Write after the end: %v", err)
	}
}

// panics is a Verifier.
type panics struct{}

func (panics) Verify(context.Context, *trust.Peer) (*trust.Result, error) { panic("of the test") }

// TestFailures tries each way in which a connection ends in an error.
func TestFailures(t *testing.T) {
	cfg, good := configs(t)
	other, _ := configs(t)
	hurried := *good
	hurried.HandshakeTimeout = 50 * time.Millisecond
	broken := *good
	broken.Trust, broken.ClientAuth = panics{}, sealsock.RequireClientCert
	handshake := func(cfg *sealsock.Config) func(*testing.T, *adapt.Endpoint) {
		return func(t *testing.T, e *adapt.Endpoint) {
			client(t, cfg, e).HandshakeContext(context.Background())
		}
	}
	for _, test := range []struct {
		name   string
		server *sealsock.Config
		do     func(t *testing.T, e *adapt.Endpoint)
		data   func(*adapt.Conn, []byte)
		want   error
		text   string
	}{
		{name: "refused", server: good, do: handshake(other), text: "does not know the authority"},
		{name: "slow", server: &hurried, want: adapt.ErrHandshakeTimeout,
			do: func(t *testing.T, e *adapt.Endpoint) {
				_, far := pair(t)
				start(t, e, &wire{Conn: far})
			}},
		{name: "cut", server: good, want: io.ErrUnexpectedEOF, data: echo().data,
			do: func(t *testing.T, e *adapt.Endpoint) {
				c := client(t, cfg, e)
				c.Write([]byte("x"))
				if _, err := c.Read(make([]byte, 1)); err != nil { // and the tickets before it
					t.Error(err)
				}
				c.NetConn().Close()
			}},
		{name: "verifier", server: &broken, do: handshake(cfg), text: "panic"},
		{name: "panic", server: good, text: "a Handler panicked",
			data: func(*adapt.Conn, []byte) { panic("here") },
			do: func(t *testing.T, e *adapt.Endpoint) {
				c := client(t, cfg, e)
				c.Write([]byte("x"))
				var alert *engine.Error
				if _, err := c.Read(make([]byte, 1)); !errors.As(err, &alert) ||
					alert.Fault != engine.FaultAlert {
					t.Errorf("the client received %v and no alert", err)
				}
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &handler{data: test.data, closed: make(chan error, 1)}
			test.do(t, server(t, test.server, h))
			err := wait(t, h.closed)
			if err == nil || (test.want != nil && !errors.Is(err, test.want)) ||
				!strings.Contains(err.Error(), test.text) {
				t.Errorf("OnClose received %v", err)
			}
		})
	}
}

// TestFull has a peer that takes nothing for a while: Write has a bound, and OnDrained is
// called when there is room.
func TestFull(t *testing.T) {
	cfg, serverCfg := configs(t)
	raw, far := pair(t)
	stuck, full := make(chan struct{}), make(chan int, 1)
	w := &wire{Conn: far}
	sent := 0
	fill := func(c *adapt.Conn) {
		for range 1000 {
			n, err := c.Write(make([]byte, 1000))
			sent += n
			if err == adapt.ErrFull {
				break
			}
		}
		full <- sent
	}
	h := echo()
	h.data = func(c *adapt.Conn, _ []byte) {
		w.stuck = stuck
		fill(c)
	}
	h.drained = func(c *adapt.Conn) {
		c.Write([]byte("drained"))
		c.Close()
	}
	e := server(t, serverCfg, h)
	e.WriteLimit = 100 << 10
	start(t, e, w)
	c, err := sealsock.Client(raw, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(50 * time.Second))
	c.Write([]byte("begin"))
	if n := wait(t, full); n > e.WriteLimit+1000 {
		t.Errorf("%d bytes wait, more than %d", n, e.WriteLimit)
	}
	close(stuck)
	got, err := io.ReadAll(c)
	if err != nil || len(got) != sent+len("drained") {
		t.Errorf("%d bytes came, not %d, %v", len(got), sent+len("drained"), err)
	}
}

// TestMisuse: what cannot work is an error when it is made.
func TestMisuse(t *testing.T) {
	_, good := configs(t)
	early := *good
	early.MaxEarlyData = 1000
	if _, err := adapt.NewServer(&early, echo()); err == nil {
		t.Error("0-RTT data was accepted")
	}
	if _, err := adapt.NewServer(good, nil); err == nil {
		t.Error("no Handler was accepted")
	}
	if _, err := server(t, good, echo()).NewConn(nil); err == nil {
		t.Error("no Transport was accepted")
	}
}

// TestTurns: functions run one at a time, in order, and none is left behind.
func TestTurns(t *testing.T) {
	var turns adapt.Turns
	const each, workers = 200, 8
	count := 0 // the race detector watches it
	done := make(chan struct{}, workers)
	all := make(chan struct{})
	for range workers {
		go func() {
			for i := range each {
				f := func() {
					if count++; count == workers*each {
						close(all)
					}
				}
				if i%2 == 0 {
					turns.Wait(f)
				} else {
					turns.Run(f)
				}
			}
			done <- struct{}{}
		}()
	}
	wait(t, all)
	var order []int
	turns.Run(func() {
		turns.Run(func() { order = append(order, 2) })
		order = append(order, 1)
	})
	turns.Wait(func() {})
	if len(order) != 2 || order[0] != 1 {
		t.Errorf("the order is %v", order)
	}
}
