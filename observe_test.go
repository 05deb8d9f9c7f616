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
