package admit

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// A script is a net.Listener whose connections and failures a test supplies.
type script struct {
	next chan any // a net.Addr for a connection, or an error
	done chan struct{}
	once sync.Once
}

func newScript() *script { return &script{next: make(chan any), done: make(chan struct{})} }

func (s *script) Accept() (net.Conn, error) {
	select {
	case v := <-s.next:
		if err, ok := v.(error); ok {
			return nil, err
		}
		return client{peer: v.(net.Addr)}, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

func (s *script) Close() error   { s.once.Do(func() { close(s.done) }); return nil }
func (s *script) Addr() net.Addr { return &net.TCPAddr{} }

// client is a connection with an address and nothing else.
type client struct {
	net.Conn
	peer net.Addr
}

func (c client) RemoteAddr() net.Addr { return c.peer }
func (c client) Close() error         { return nil }

func from(ip string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(ip)) }

// A refusal is a call of Options.Refused.
type refusal struct {
	peer string
	err  error
}

// next returns the next refusal.
func next(t *testing.T, refused chan refusal) refusal {
	t.Helper()
	select {
	case r := <-refused:
		return r
	case <-time.After(20 * time.Second):
		t.Fatal("no handshake ended")
		return refusal{}
	}
}

// wait is a Handshake that ends with its context.
func wait(ctx context.Context, _ net.Conn) (net.Conn, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// start returns a Listener that runs, over a script.
func start(t *testing.T, opts Options[net.Conn]) (*Listener[net.Conn], *script, chan refusal) {
	t.Helper()
	s, refused := newScript(), make(chan refusal, 10)
	if opts.Refused == nil {
		opts.Refused = func(peer net.Addr, err error) { refused <- refusal{peer.String(), err} }
	}
	l := New(s, opts)
	t.Cleanup(func() { l.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l.AcceptConn(ctx) // begins to accept
	return l, s, refused
}

func TestBounds(t *testing.T) {
	for _, test := range []struct {
		name              string
		total, perAddress int
		clients           string // separated by spaces
		ended             string // the client that ends at the last one
	}{
		{"address", -1, 2, "10.0.0.9:1 10.0.0.1:1 10.0.0.1:2 10.0.0.1:3", "10.0.0.1:1"},
		{"mapped address", -1, 2, "10.0.0.1:1 [::ffff:10.0.0.1]:2 10.0.0.1:3", "10.0.0.1:1"},
		{"IPv6 network", -1, 2, "[fd00::1]:1 [fd00::2]:2 [fd00:0:0:0:ffff::]:3", "[fd00::1]:1"},
		{"networks", 3, 2, "[fd00::1]:1 [fd00::2]:1 [fd00:0:0:1::]:1 [fd00:0:0:1::]:2", "[fd00::1]:1"},
		{"all", 3, -1, "10.0.0.1:1 10.0.0.1:2 10.0.0.2:1 10.0.0.3:1", "10.0.0.1:1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			opts := Options[net.Conn]{Total: test.total, PerAddress: test.perAddress, Handshake: wait}
			_, s, refused := start(t, opts)
			for _, addr := range strings.Fields(test.clients) {
				if len(refused) > 0 {
					t.Fatalf("%v ended before a bound was reached", <-refused)
				}
				s.next <- from(addr)
			}
			got := next(t, refused)
			var crowd *CrowdError
			if got.peer != test.ended || !errors.As(got.err, &crowd) || crowd.Limit < 2 {
				t.Errorf("%s ended: %v", got.peer, got.err)
			}
		})
	}
}

// TestDoneDoesNotEnd: a connection whose handshake is done stays until Accept
// takes it; when there is nothing else, further clients wait below.
func TestDoneDoesNotEnd(t *testing.T) {
	at := func(_ context.Context, raw net.Conn) (net.Conn, error) { return raw, nil }
	l, s, refused := start(t, Options[net.Conn]{Total: 2, Handshake: at})
	for _, addr := range []string{"10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3"} {
		s.next <- from(addr)
	}
	fourth := make(chan struct{})
	go func() {
		s.next <- from("10.0.0.1:4")
		close(fourth)
	}()
	seen := map[string]bool{}
	for range 4 {
		c, err := l.AcceptConn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen[c.RemoteAddr().String()] = true
	}
	<-fourth
	if len(seen) != 4 || len(refused) > 0 {
		t.Errorf("accepted %v, refused %d", seen, len(refused))
	}
}

func TestPanics(t *testing.T) {
	calls := make(chan error, 10)
	l, s, _ := start(t, Options[net.Conn]{
		Handshake: func(_ context.Context, raw net.Conn) (net.Conn, error) {
			if raw.RemoteAddr().String() == "10.0.0.1:1" {
				panic("in the handshake")
			}
			return raw, nil
		},
		Refused: func(_ net.Addr, err error) {
			calls <- err
			panic("in the callback")
		},
	})
	s.next <- from("10.0.0.1:1")
	err := <-calls
	var caught *engine.PanicError
	if !errors.As(err, &caught) || caught.Value != "in the handshake" ||
		!strings.Contains(caught.Stack, "admit_test.go") {
		t.Errorf("the callback received %v, perhaps without the stack", err)
	}
	if err := <-calls; !strings.Contains(err.Error(), "in the callback") {
		t.Errorf("the callback received %v", err)
	}
	s.next <- from("10.0.0.1:2")
	if _, err := l.AcceptConn(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestDescriptors: without a file descriptor for one more client the oldest
// handshake ends.
func TestDescriptors(t *testing.T) {
	_, s, refused := start(t, Options[net.Conn]{Handshake: wait})
	s.next <- from("10.0.0.1:1")
	s.next <- from("10.0.0.1:2")
	s.next <- &net.OpError{Op: "accept", Err: syscall.EMFILE}
	if got := next(t, refused); got.peer != "10.0.0.1:1" || !errors.Is(got.err, errDescriptors) {
		t.Errorf("%s ended: %v", got.peer, got.err)
	}
}

// TestNoMore ends a listener below that has no more connections. The handshake under
// way must end first, and its refusal must be reported before Accept returns.
func TestNoMore(t *testing.T) {
	release, failure := make(chan struct{}), errors.New("refused")
	handshake := func(ctx context.Context, _ net.Conn) (net.Conn, error) {
		select {
		case <-release:
			return nil, failure
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	l, s, refused := start(t, Options[net.Conn]{Handshake: handshake})
	s.next <- from("10.0.0.1:1")
	s.next <- &net.OpError{Op: "accept", Err: io.EOF}
	time.AfterFunc(10*time.Millisecond, func() { close(release) })
	if _, err := l.AcceptConn(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("Accept: %v, want io.EOF", err)
	}
	if len(refused) != 1 || !errors.Is((<-refused).err, failure) {
		t.Error("the refusal was not reported before the end")
	}
}

func TestClose(t *testing.T) {
	l, s, refused := start(t, Options[net.Conn]{Handshake: wait})
	s.next <- from("10.0.0.1:1")
	ended := make(chan error)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	l.Close()
	select {
	case err := <-ended:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Accept does not return")
	}
	if len(refused) > 0 {
		t.Errorf("the end of the Listener is no refusal: %v", <-refused)
	}
}

// TestServe: a connection that is served takes no place among the handshakes, and Serve returns
// after the last one.
func TestServe(t *testing.T) {
	s := newScript()
	l := New(s, Options[net.Conn]{Total: 1,
		Handshake: func(_ context.Context, raw net.Conn) (net.Conn, error) { return raw, nil }})
	served, end, over := make(chan string, 2), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		l.Serve(func(c net.Conn) {
			served <- c.RemoteAddr().String()
			<-end
		})
	}()
	for _, addr := range []string{"10.0.0.1:1", "10.0.0.2:1"} {
		s.next <- from(addr)
		select {
		case got := <-served:
			if got != addr {
				t.Errorf("%s was served in place of %s", got, addr)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s is not served", addr)
		}
	}
	l.Close()
	select {
	case <-over:
		t.Error("Serve has returned before the connections ended")
	case <-time.After(20 * time.Millisecond):
	}
	close(end)
	<-over
}

// TestServeAfterClose: a connection whose handshake ends after the Listener is closed.
func TestServeAfterClose(t *testing.T) {
	s, begun, closed := newScript(), make(chan struct{}), make(chan struct{})
	slow := func(ctx context.Context, _ net.Conn) (net.Conn, error) {
		close(begun)
		<-ctx.Done()
		return closer{closed: closed}, nil
	}
	l := New(s, Options[net.Conn]{Handshake: slow})
	over := make(chan struct{})
	go func() {
		defer close(over)
		l.Serve(func(net.Conn) { t.Error("it was served") })
	}()
	s.next <- from("10.0.0.1:1")
	<-begun
	l.Close()
	<-closed
	<-over
}

// A closer reports that it was closed.
type closer struct {
	net.Conn
	closed chan struct{}
}

func (c closer) Close() error { close(c.closed); return nil }
