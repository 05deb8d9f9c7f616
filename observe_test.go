package sealsock_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// reports returns a callback for Config.OnHandshake and what it was called with.
func reports() (func(sealsock.Handshake), chan sealsock.Handshake) {
	c := make(chan sealsock.Handshake, 10)
	return func(h sealsock.Handshake) { c <- h }, c
}

// reported waits for a report, which must be the only one.
func reported(t *testing.T, c chan sealsock.Handshake, server bool) sealsock.Handshake {
	t.Helper()
	h := <-c
	if h.Conn == nil || h.Server != server || h.Duration < 0 {
		t.Errorf("a handshake was reported as %+v", h)
	}
	if len(c) > 0 {
		t.Errorf("a handshake was reported %d times", len(c)+1)
	}
	return h
}

// TestOnHandshake observes both sides of a Dialer and a Listener, over TCP and UDP, with a
// client that succeeds and one that refuses the server.
func TestOnHandshake(t *testing.T) {
	for _, scheme := range []string{"tcp", "udp"} {
		t.Run(scheme, func(t *testing.T) {
			cc, sc := newConfigs(t)
			var client, server chan sealsock.Handshake
			cc.OnHandshake, client = reports()
			sc.OnHandshake, server = reports()
			l, err := sealsock.Listen(t.Context(), scheme+"://127.0.0.1:0", sc)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			accepted := make(chan *sealsock.Conn, 1)
			go func() {
				if c, err := l.AcceptConn(t.Context()); err == nil {
					accepted <- c
				}
			}()
			addr := scheme + "://" + l.Addr().String()
			c, err := sealsock.Dial(t.Context(), addr, cc)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if h := reported(t, client, false); h.Conn != c || h.Err != nil {
				t.Errorf("the client: %+v", h)
			}
			s := <-accepted
			defer s.Close()
			h := reported(t, server, true)
			if h.Conn != s || h.Err != nil || !h.Conn.State().HandshakeDone {
				t.Errorf("the server: %+v", h)
			}
			refusing := *cc
			refusing.ServerName = "other.test"
			if _, err := sealsock.Dial(t.Context(), addr, &refusing); err == nil {
				t.Fatal("a server with another name is accepted")
			}
			checkFault(t, reported(t, client, false), engine.FaultCertificate)
			checkFault(t, reported(t, server, true), engine.FaultAlert)
		})
	}
}

func checkFault(t *testing.T, h sealsock.Handshake, want engine.Fault) {
	t.Helper()
	var e *engine.Error
	if !errors.As(h.Err, &e) || e.Fault != want {
		t.Errorf("server %v: the fault is not %v: %v", h.Server, want, h.Err)
	}
}

// TestOnHandshakeByRead: also a Read and a Write run the handshake, and a deadline in between
// is not its end.
func TestOnHandshakeByRead(t *testing.T) {
	cc, sc := newConfigs(t)
	var client, server chan sealsock.Handshake
	cc.OnHandshake, client = reports()
	sc.OnHandshake, server = reports()
	a, b := socketPair(t, "tcp")
	c, err := sealsock.Client(a, cc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sealsock.Server(b, sc)
	if err != nil {
		t.Fatal(err)
	}
	s.SetReadDeadline(time.Now())
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a Read after its deadline: %v", err)
	}
	s.SetReadDeadline(time.Time{})
	if len(server) > 0 {
		t.Errorf("a deadline is reported: %+v", <-server)
	}
	go c.Write([]byte("hello"))
	if _, err := io.ReadFull(s, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	s.Close()
	for side, reports := range map[string]chan sealsock.Handshake{"server": server, "client": client} {
		if len(reports) != 1 {
			t.Fatalf("the handshake of the %s was reported %d times", side, len(reports))
		}
		if h := reported(t, reports, side == "server"); h.Err != nil {
			t.Error(h.Err)
		}
	}
}

// TestOnHandshakeByEach: each method that runs a handshake has it reported before it returns, and
// once, whether it succeeds or not.
func TestOnHandshakeByEach(t *testing.T) {
	file, _ := sentFile(t)
	p := []byte("x")
	run := map[string]func(context.Context, *sealsock.Conn){
		"Handshake":        func(_ context.Context, c *sealsock.Conn) { c.Handshake() },
		"HandshakeContext": func(ctx context.Context, c *sealsock.Conn) { c.HandshakeContext(ctx) },
		"Read":             func(_ context.Context, c *sealsock.Conn) { c.Read(nil) },
		"ReadBatch":        func(_ context.Context, c *sealsock.Conn) { c.ReadBatch(nil) },
		"Write":            func(_ context.Context, c *sealsock.Conn) { c.Write(p) },
		"WriteBatch":       func(_ context.Context, c *sealsock.Conn) { c.WriteBatch([][]byte{p}) },
		"ReadFrom":         func(_ context.Context, c *sealsock.Conn) { c.ReadFrom(bytes.NewReader(p)) },
		"WriteTo":          func(_ context.Context, c *sealsock.Conn) { c.WriteTo(io.Discard) },
		"ReadEarly":        func(_ context.Context, c *sealsock.Conn) { c.ReadEarly(p) },
		"Rekey":            func(ctx context.Context, c *sealsock.Conn) { c.Rekey(ctx, false) },
		"SendTickets":      func(ctx context.Context, c *sealsock.Conn) { c.SendTickets(ctx, 1) },
		"Unwrap":           func(ctx context.Context, c *sealsock.Conn) { c.Unwrap(ctx) },
		"Detach":           func(_ context.Context, c *sealsock.Conn) { c.Detach() },
		"SendFile": func(_ context.Context, c *sealsock.Conn) {
			c.SendFile(file, 0, -1)
		},
		"RequestClientCertificate": func(ctx context.Context, c *sealsock.Conn) {
			c.RequestClientCertificate(ctx)
		},
	}
	// These run no handshake, or end it, or, as WriteEarly, run a part of it.
	others := strings.Fields(`Abort Close CloseWrite ConnectionState Export ExportEarly GiveUp HandOver
		HandshakeDone KernelTLS LocalAddr LogValue MaxMessage NetConn OCSPResponse Peer PostQuantum
		RemoteAddr ServerEndPoint SetDeadline SetReadDeadline SetWriteDeadline State VerifyHostname
		WriteEarly`)
	for m := range reflect.TypeFor[*sealsock.Conn]().Methods() {
		if run[m.Name] == nil && !slices.Contains(others, m.Name) {
			t.Errorf("this test does not know what %s does", m.Name)
		}
	}
	for name, call := range run {
		for _, fails := range []bool{false, true} {
			cc, sc := newConfigs(t)
			if fails {
				cc.ServerName = "other.test"
			}
			var server chan sealsock.Handshake
			sc.OnHandshake, server = reports()
			c, s := unbegun(t, cc, sc)
			go func() {
				c.Handshake()
				c.CloseWrite()
			}()
			call(t.Context(), s)
			if len(server) != 1 {
				t.Errorf("%s, fails %v: reported %d times", name, fails, len(server))
				continue
			}
			if h := reported(t, server, true); fails != (h.Err != nil) {
				t.Errorf("%s, fails %v: %v", name, fails, h.Err)
			}
			s.Close()
			c.Close()
			if len(server) != 0 {
				t.Errorf("%s, fails %v: reported again", name, fails)
			}
		}
	}
}

// unbegun returns both ends of a connection over TCP whose handshake has not begun.
func unbegun(t *testing.T, cc, sc *sealsock.Config) (c, s *sealsock.Conn) {
	t.Helper()
	a, b := socketPair(t, "tcp")
	c, err := sealsock.Client(a, cc)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = sealsock.Server(b, sc); err != nil {
		t.Fatal(err)
	}
	return c, s
}

// TestOnHandshakeByTwo: of two calls that wait for one handshake, none returns before the report.
func TestOnHandshakeByTwo(t *testing.T) {
	cc, sc := newConfigs(t)
	var done atomic.Bool
	sc.OnHandshake = func(h sealsock.Handshake) {
		h.Conn.Read(nil) // which does not wait for itself
		time.Sleep(50 * time.Millisecond)
		done.Store(true)
	}
	c, s := unbegun(t, cc, sc)
	defer c.Close()
	defer s.Close()
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			if err := s.Handshake(); err != nil || !done.Load() {
				t.Errorf("before the report: %v", err)
			}
		})
	}
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	calls.Wait()
}

// TestOnHandshakeReportsTheEnd: what a call returns that waited for another one, such as the end of
// its context, is not the reason for the end.
func TestOnHandshakeReportsTheEnd(t *testing.T) {
	first := errors.New("refused")
	if err := sealsock.FirstEnd(first, context.Canceled); err != first {
		t.Errorf("the reason is %v", err)
	}
}

// TestOnHandshakeGivenUp: a handshake that ends for the reason of this side alone is reported
// with that reason, and one that has not begun is not reported.
func TestOnHandshakeGivenUp(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	stop := errors.New("no patience")
	for _, test := range []struct {
		name string
		end  func(*sealsock.Conn)
		want error
	}{
		{"never begun", func(*sealsock.Conn) {}, nil},
		{"canceled", func(c *sealsock.Conn) {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(stop)
			c.HandshakeContext(ctx)
		}, stop},
		{"given up", func(c *sealsock.Conn) {
			c.SetDeadline(time.Now())
			c.Handshake()
			c.GiveUp(stop)
		}, stop},
	} {
		t.Run(test.name, func(t *testing.T) {
			raw, err := net.Dial("tcp", silent.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			cc, _ := newConfigs(t)
			var client chan sealsock.Handshake
			cc.OnHandshake, client = reports()
			c, err := sealsock.Client(raw, cc)
			if err != nil {
				t.Fatal(err)
			}
			test.end(c)
			c.Close()
			switch {
			case test.want == nil && len(client) > 0:
				t.Errorf("reported: %+v", <-client)
			case test.want != nil && len(client) != 1:
				t.Errorf("reported %d times", len(client))
			case test.want != nil:
				if h := <-client; !errors.Is(h.Err, test.want) {
					t.Errorf("the reason is %v", h.Err)
				}
			}
		})
	}
}

// TestOnHandshakePanics: a panic in the callback of a handshake that fails does not hide why.
func TestOnHandshakePanics(t *testing.T) {
	cc, sc := newConfigs(t)
	cc.ServerName, cc.OnHandshake = "other.test", func(sealsock.Handshake) { panic("bad") }
	err, _ := meet(t, cc, sc)
	var caught *sealsock.PanicError
	var e *engine.Error
	if !errors.As(err, &caught) || !errors.As(err, &e) || e.Fault != engine.FaultLocal ||
		!bytes.Contains([]byte(err.Error()), []byte("other.test")) {
		t.Errorf("the error is %v", err)
	}
}

// TestHandshakeLogValue logs a handshake that has failed, one that has not, and none.
func TestHandshakeLogValue(t *testing.T) {
	near, far := net.Pipe()
	c, _ := newPair(t, near, far)
	failed := &engine.Error{
		Fault: engine.FaultPeer, Alert: iana.AlertDecodeError, Reason: "it is malformed",
	}
	for name, test := range map[string]struct {
		h    sealsock.Handshake
		want []string
	}{
		"done": {sealsock.Handshake{Conn: c, Duration: time.Second},
			[]string{"role", "duration", "version", "suite", "group", "resumed", "peer"}},
		"failed": {sealsock.Handshake{Server: true, Err: failed},
			[]string{"role", "duration", "error", "fault", "alert"}},
		"other": {sealsock.Handshake{Err: net.ErrClosed}, []string{"role", "error"}},
		"zero":  {sealsock.Handshake{}, []string{"role", "duration"}},
	} {
		var b bytes.Buffer
		slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "h", test.h)
		var line struct{ H map[string]any }
		if err := json.Unmarshal(b.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, &b)
		}
		for _, key := range test.want {
			if line.H[key] == nil {
				t.Errorf("%s: %s has no %s", name, &b, key)
			}
		}
	}
}
