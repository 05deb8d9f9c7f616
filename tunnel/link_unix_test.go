//go:build unix

package tunnel

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock/proxyprotocol"
)

// TestLimitsOutliveStop: a pair that is stopped for a hand-over which does not happen ends when it
// would have ended without.
func TestLimitsOutliveStop(t *testing.T) {
	for _, limit := range []string{"lifetime", "idle"} {
		synctest.Test(t, func(t *testing.T) {
			client, a := net.Pipe()
			b, backend := net.Pipe()
			defer client.Close()
			defer backend.Close()
			p, began := newPair(a, b), time.Now()
			if limit == "idle" {
				p.idle = time.Minute
			} else {
				p.lifetime = time.Minute
			}
			time.AfterFunc(50*time.Second, p.stop)
			err := p.run()
			if took := time.Since(began); !errors.Is(err, errStopped) || took != 50*time.Second {
				t.Fatalf("%v after %v", err, took)
			}
			p.resume()
			err = p.run()
			var r *refusal
			if took := time.Since(began); !errors.As(err, &r) || r.reason != limit ||
				took != time.Minute {
				t.Errorf("%s: %v after %v", limit, err, took)
			}
		})
	}
}

// serverOf has a tunnel t, which passes everything through.
func serverOf(t *testing.T, log *strings.Builder) *Server {
	t.Helper()
	cfg, err := Parse("test.toml", []byte(`drain = "1ms"
[[tunnel]]
name = "t"
listen = ["127.0.0.1:0"]
limits = { lifetime = "1m", idle = "1m" }
route = [{ pass = true, backend = [{ address = "127.0.0.1:1" }] }]
`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(cfg, Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestLinkState: another process knows of a connection what this one does.
func TestLinkState(t *testing.T) {
	s := serverOf(t, new(strings.Builder))
	r := s.tunnels["t"]
	info := &clientInfo{id: "1", remote: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1},
		local: &net.UnixAddr{Name: "/x", Net: "unix"}, serverName: "a.example", alpn: "h2",
		tls:  &proxyprotocol.TLS{Version: "TLSv1.3", Cipher: "suite", CommonName: "alice"},
		pass: true, early: 6}
	for i, v := 0, reflect.ValueOf(*info); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Fatalf("the test leaves %s out", v.Type().Field(i).Name)
		}
	}
	p := newPair(nil, nil)
	p.began = time.Now().Add(-50 * time.Second).Round(0)
	p.last.Store(int64(p.began.Sub(clock)))
	p.up.bytes.Store(3)
	p.up.left, p.down.ended, p.down.done = []byte("rest"), true, true
	text, err := json.Marshal(s.newLink(r, info, p, r.routes[0].pool.backends[0]).state())
	if err != nil {
		t.Fatal(err)
	}
	var st linkState
	if err := json.Unmarshal(text, &st); err != nil {
		t.Fatal(err)
	}
	r, b := s.placeOf(&st)
	k := s.restored(&st, r, b, [2]net.Conn{})
	if got := addrText(k.info.remote); got != addrText(info.remote) {
		t.Errorf("the client is %s", got)
	}
	k.info.remote = info.remote // of another length
	if !reflect.DeepEqual(k.info, info) {
		t.Errorf("%+v became %+v", info, k.info)
	}
	q := k.pair
	if off := q.quiet() - p.quiet(); off.Abs() > time.Second {
		t.Errorf("the time of the last data is off by %v", off)
	}
	if !q.began.Equal(p.began) || q.up.bytes.Load() != 3 ||
		string(q.up.left) != "rest" || !q.down.ended || !q.down.done || q.granted.Load() != 3 {
		t.Errorf("%+v became %+v", p, q)
	}
	if k.backend != r.routes[0].pool.backends[0] || q.lifetime != time.Minute {
		t.Errorf("the tunnel and its limits are others")
	}
}

// TestStoppingWhileTaking: a Server that stops does not wait for an old process that stands still
// in the middle of a connection.
func TestStoppingWhileTaking(t *testing.T) {
	var log strings.Builder
	s := serverOf(t, &log)
	old, u, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := sendMessage(old, upgradeMessage{Kind: "serve"}); err != nil {
		t.Fatal(err)
	}
	if err := s.TakeOver(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	ours, theirs, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	raw, err := theirs.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := sendMessage(old, upgradeMessage{Kind: "link"}, raw); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	inside(t, "(*Server).take") // where it waits for the state
	stop()
	select {
	case <-served:
	case <-time.After(moveTime / 6):
		t.Fatal("Serve waits for the old process")
	}
}

// TestStoppingWhileGiving: a Server that hands over and is stopped does not wait for a new process
// that stands still.
func TestStoppingWhileGiving(t *testing.T) {
	var log strings.Builder
	s := serverOf(t, &log)
	u, next, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	client, a := tcpPair(t)
	defer client.Close()
	b, backend := tcpPair(t)
	defer backend.Close()
	r := s.tunnels["t"]
	k := s.newLink(r, &clientInfo{id: "1"}, newPair(a, b), r.routes[0].pool.backends[0])
	k.backend.stats.active.Add(1)
	s.enter(k)
	s.sessions.Go(func() { s.forward(k) })
	given := make(chan error, 1)
	var sending sync.Mutex
	go func() { given <- s.give(u, &sending, k) }()
	var m upgradeMessage
	files, err := receiveMessage(next, &m, 1)
	if err != nil || m.Kind != "link" {
		t.Fatal(m, err)
	}
	defer closeFiles(files)
	s.kill(errStopping)
	select {
	case err := <-given:
		if !errors.Is(err, errStopping) {
			t.Error(err)
		}
	case <-time.After(moveTime / 6):
		t.Fatal("give waits for the new process")
	}
	s.sessions.Wait()
}

// inside waits until a goroutine is inside of a function of this package.
func inside(t *testing.T, name string) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if n := runtime.Stack(stacks, true); strings.Contains(string(stacks[:n]), "tunnel."+name+"(") {
			return
		}
	}
	t.Fatalf("no goroutine has come to %s", name)
}

// tcpPair returns two connected sockets.
func tcpPair(t *testing.T) (a, b net.Conn) {
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

// TestStoppingWhileHandingOver: once the new process is ready, a Server that is stopped in the
// middle of a hand-over returns no error: its caller would end the process that has all of it.
func TestStoppingWhileHandingOver(t *testing.T) {
	var log strings.Builder
	s := serverOf(t, &log)
	s.cfg.Drain = Duration(time.Minute)
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	u, next, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	defer next.Close()
	next.SetDeadline(time.Now().Add(20 * time.Second))
	ctx, stop := context.WithCancel(t.Context())
	served, handed := make(chan error, 1), make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	s.pending.Add(1) // a handshake, for which the hand-over waits
	go func() { handed <- s.HandOver(t.Context(), u) }()
	if err := sendMessage(next, upgradeMessage{Kind: "hello", Version: upgradeVersion}); err != nil {
		t.Fatal(err)
	}
	for m := (upgradeMessage{}); m.Kind != "serve"; {
		files, err := receiveMessage(next, &m, 1)
		closeFiles(files)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := sendMessage(next, upgradeMessage{Kind: "ready"}); err != nil {
		t.Fatal(err)
	}
	inside(t, "(*Server).giveLinks")
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	s.pending.Add(-1) // the Server has ended, and the hand-over has not
	if err := <-handed; err != nil {
		t.Errorf("HandOver: %v", err)
	}
	if err := expect(next, "done"); err != nil {
		t.Errorf("the new process does not learn that it has everything: %v", err)
	}
}
