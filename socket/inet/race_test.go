//go:build linux || darwin || freebsd

package inet

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sealsock/sealsock/socket"
)

// blackHole returns an address that does not answer: a listener whose queue is
// full.
func blackHole(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := CreateServer(context.Background(), "127.0.0.1:0", &ServerOptions{Backlog: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	addr := l.Addr().(Addr)
	for range 10 {
		s, err := socket.New(Family4, socket.Stream, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		// The kernel answers within the first call, if it does: how busy the machine is
		// does not matter.
		for range 20 {
			if err = s.NonBlocking().Connect(addr); err == nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if errors.Is(err, socket.ErrWouldBlock) {
			return addr.AddrPort
		}
	}
	t.Fatal("the listener's queue does not fill")
	return netip.AddrPort{}
}

// TestRace connects to addresses of which the first never answers and the
// second refuses.
func TestRace(t *testing.T) {
	l, err := CreateServer(context.Background(), "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	good := l.Addr().(Addr).AddrPort
	refusing := netip.MustParseAddrPort("127.0.0.1:1")
	silent := blackHole(t)
	race := func(ctx context.Context, o ConnectOptions, addrs ...netip.AddrPort) (*socket.Socket, error) {
		c := connector{ConnectOptions: o, results: make(chan attempt)}
		c.setDefaults()
		return c.race(ctx, "test", addrs)
	}
	soon, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	start := time.Now()
	s, err := race(soon, ConnectOptions{}, silent, refusing, good)
	if err != nil {
		t.Fatal(err)
	}
	if s.RemoteAddr().(Addr).AddrPort != good {
		t.Errorf("connected to %v", s.RemoteAddr())
	}
	if took := time.Since(start); took < attemptDelay {
		t.Errorf("took %v, want a little more than %v", took, attemptDelay)
	}
	_ = s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if _, err := race(ctx, ConnectOptions{}, silent); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no answer: %v", err)
	}
	_, err = race(context.Background(), ConnectOptions{AllErrors: true}, refusing, refusing)
	if !errors.Is(err, syscall.ECONNREFUSED) || strings.Count(err.Error(), "refused") != 2 {
		t.Errorf("all errors: %v", err)
	}
	_, err = race(context.Background(), ConnectOptions{}, refusing, refusing)
	if !errors.Is(err, syscall.ECONNREFUSED) || strings.Count(err.Error(), "refused") != 1 {
		t.Errorf("the first error: %v", err)
	}
}

func TestInterleave(t *testing.T) {
	var addrs, want []netip.AddrPort
	for _, a := range strings.Fields("[::1]:1 [::2]:1 [::3]:1 1.1.1.1:1 2.2.2.2:1") {
		addrs = append(addrs, netip.MustParseAddrPort(a))
	}
	for _, i := range []int{0, 3, 1, 4, 2} {
		want = append(want, addrs[i])
	}
	if got := interleave(addrs); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
