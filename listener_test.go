package sealsock_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/proxyprotocol"
)

// newListener listens on loopback and echoes what connections bring.
func newListener(t *testing.T, cfg *sealsock.Config) *sealsock.Listener {
	t.Helper()
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l
}

// silent opens n connections that send the first bytes of first and no more.
func silent(t *testing.T, l *sealsock.Listener, n int, first []byte) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := c.Write(first); err != nil {
			t.Fatal(err)
		}
		conns[i] = c
	}
	return conns
}

// honest connects once and has a few bytes echoed. It returns how long that took.
func honest(t *testing.T, l *sealsock.Listener, cfg *sealsock.Config) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	start := time.Now()
	c, err := sealsock.Dial(ctx, l.Addr().String(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}

// TestListenerServesBesideSilentClients: 2,000 clients that send nothing, or the
// beginning of a record, for longer than this test runs, do not delay others.
func TestListenerServesBesideSilentClients(t *testing.T) {
	const clients = 2000
	firsts := map[string]string{"nothing": "", "half a record": "\x16\x03\x01\x02\x00\x01"}
	for name, first := range firsts {
		for bound, max := range map[string]int{"default bounds": 0, "no bounds": -1} {
			t.Run(name+", "+bound, func(t *testing.T) {
				cc, sc := newConfigs(t)
				sc.HandshakeTimeout, sc.MaxHandshakes, sc.MaxHandshakesPerAddress = 10*time.Minute, max, max
				l := newListener(t, sc)
				alone := honest(t, l, cc)
				before := used()
				silent(t, l, clients, []byte(first))
				var took []time.Duration
				for range 21 {
					took = append(took, honest(t, l, cc))
				}
				slices.Sort(took)
				median, worst := took[len(took)/2], took[len(took)-1]
				t.Logf("served in %v alone, and beside %d silent clients in %v, at worst in %v",
					alone, clients, median, worst)
				if worst > muchDelay {
					t.Errorf("served in %v, at worst %v", median, worst)
				}
				if each := (used() - before) / clients; max < 0 && each > maxSilent {
					t.Errorf("a silent client costs %d bytes, both ends together", each)
				} else {
					t.Logf("a silent client costs %d bytes, both ends together", each)
				}
			})
		}
	}
}

// muchDelay is far above the milliseconds of a handshake on a busy machine, and far below the
// timeout of the silent clients.
const muchDelay = 10 * time.Second

// maxSilent bounds what a client costs that keeps a Listener waiting, in bytes of
// heap and stack. Its own end, in the same process, is in it.
const maxSilent = 24 << 10

// used returns the bytes of heap and stack in use.
func used() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// TestOldestHandshakeMakesPlace: beyond a bound the oldest handshake ends, its
// client receives an alert, and the callback an error that names the bound.
func TestOldestHandshakeMakesPlace(t *testing.T) {
	for name, set := range map[string]func(*sealsock.Config){
		"MaxHandshakesPerAddress": func(c *sealsock.Config) { c.MaxHandshakesPerAddress = 3 },
		"MaxHandshakes":           func(c *sealsock.Config) { c.MaxHandshakes = 3 },
	} {
		t.Run(name, func(t *testing.T) {
			cc, sc := newConfigs(t)
			refused := make(chan error, 10)
			sc.HandshakeTimeout = 10 * time.Minute
			sc.OnHandshakeError = func(_ net.Addr, err error) { refused <- err }
			set(sc)
			l := newListener(t, sc)
			conns := silent(t, l, 3, nil)
			honest(t, l, cc)
			conns[0].SetDeadline(time.Now().Add(20 * time.Second))
			// A record with a fatal alert, internal_error, and then the end.
			got, err := io.ReadAll(conns[0])
			if err != nil || string(got) != "\x15\x03\x03\x00\x02\x02\x50" {
				t.Errorf("the oldest client received %x, %v", got, err)
			}
			err = <-refused
			var e *engine.Error
			if !errors.As(err, &e) || e.Fault != engine.FaultLimit ||
				!strings.Contains(err.Error(), "3 handshakes") || !strings.HasSuffix(e.Hint, name) {
				t.Errorf("the callback received %v, hint %q", err, e.Hint)
			}
			if len(refused) > 0 {
				t.Errorf("another client made place: %v", <-refused)
			}
		})
	}
}

// TestPrologue has a header of the PROXY protocol in front of TLS: the connection has the
// addresses of the header, and a client without one is refused in time.
func TestPrologue(t *testing.T) {
	refused := make(chan error, 1)
	var refusedPeer net.Addr
	client, server := newConfigs(t)
	server.Prologue = func(ctx context.Context, raw net.Conn) (net.Conn, error) {
		conn, _, err := proxyprotocol.Accept(ctx, raw)
		return conn, err
	}
	server.OnHandshakeError = func(peer net.Addr, err error) {
		refusedPeer = peer
		refused <- err
	}
	accepted := make(chan net.Conn, 1)
	listen := func(cfg *sealsock.Config) *sealsock.Listener {
		l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			if c, err := l.Accept(); err == nil {
				accepted <- c
			}
		}()
		return l
	}
	// Who sends something has time, also on a busy machine.
	hasty := *server
	hasty.HandshakeTimeout, server.HandshakeTimeout = 300*time.Millisecond, time.Minute
	l := listen(server)
	for header, l := range map[string]*sealsock.Listener{
		"": listen(&hasty), "GET / HTTP/1.1\r\n\r\n": l,
	} {
		raw, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		io.WriteString(raw, header)
		select {
		case err = <-refused:
		case <-time.After(20 * time.Second):
			t.Fatalf("%q: the client is not refused", header)
		}
		var malformed *proxyprotocol.Error
		if timeout := errors.Is(err, context.DeadlineExceeded); timeout == (header != "") ||
			errors.As(err, &malformed) != (header != "") {
			t.Errorf("%q: refused with %v", header, err)
		}
		if _, err := raw.Read(make([]byte, 1)); err == nil {
			t.Errorf("%q: the connection is open", header)
		}
	}
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	io.WriteString(raw, "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n")
	c, err := sealsock.Client(raw, client)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := (<-accepted).RemoteAddr().String(); got != "192.0.2.1:56324" {
		t.Errorf("the connection is from %s", got)
	}

	// A failure after the header is reported with its address.
	if raw, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	io.WriteString(raw, "PROXY TCP4 192.0.2.1 198.51.100.1 56325 443\r\nGET / HTTP/1.1\r\n\r\n")
	<-refused
	if got := refusedPeer.String(); got != "192.0.2.1:56325" {
		t.Errorf("the client that was refused is %s", got)
	}
}
