//go:build linux || darwin || freebsd

package socket_test

import (
	"errors"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
)

func TestOptions(t *testing.T) {
	sockettest.Shows(t, "TCP", sockettest.Options)
	s, err := socket.New(inet.Family4, socket.Stream, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	setAndGet(t, s, socket.KeepAlive, true)
	setAndGet(t, s, socket.ReuseAddr, true)
	setAndGet(t, s, socket.Lingers, socket.Linger{On: 1, Seconds: 3})
	if l, _ := socket.Lingers.Get(s); l.Duration() != 3*time.Second {
		t.Errorf("lingers for %v", l.Duration())
	}
	setAndGet(t, s, inet.NoDelay, true)
	setAndGet(t, s, inet.TTL, 7)
	setAndGet(t, s, inet.KeepAliveIdle, 90*time.Second)
	if typ, err := socket.TypeNumber.Get(s); typ != int(socket.Stream) || err != nil {
		t.Errorf("SO_TYPE %d, %v", typ, err)
	}
	if err := inet.KeepAliveInterval.Set(s, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if d, err := inet.KeepAliveInterval.Get(s); d != time.Second || err != nil {
		t.Errorf("a millisecond became %v, %v; want it rounded up", d, err)
	}
	if err := inet.KeepAliveInterval.Set(s, -1); err == nil {
		t.Error("a negative duration")
	}
	if err := inet.KeepAliveInterval.Set(s, math.MaxInt64); err == nil {
		t.Error("a duration of centuries")
	}
	if err := inet.KeepAliveInterval.Set(s, math.MaxInt32*time.Second+1); err == nil {
		t.Error("a duration that does not fit when it is rounded up")
	}
	if socket.KeepAlive.String() != "SO_KEEPALIVE" {
		t.Error(socket.KeepAlive.String())
	}
	if err := socket.RouteTable.Set(s, 1); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("OpenBSD's option: %v", err)
	}
	if _, err := socket.TypeNumber.Get(s); err != nil {
		t.Error(err)
	}
	if err := socket.TypeNumber.Set(s, 1); err == nil {
		t.Error("the type of a socket was changed")
	}
	if runtime.GOOS == "linux" {
		setAndGet(t, s, inet.CongestionControl, "reno")
		setAndGet(t, s, inet.UserTimeout, 1500*time.Millisecond)
		setAndGet(t, s, socket.ReceiveTimeout, socket.Timeval{Seconds: 2})
		if n, err := inet.Info.Get(s); len(n) < 100 || err != nil {
			t.Errorf("struct tcp_info of %d bytes, %v", len(n), err)
		}
		if cookie, err := socket.Cookie.Get(s); cookie == 0 || err != nil {
			t.Errorf("cookie %d, %v", cookie, err)
		}
	}
}

func TestRawOptions(t *testing.T) {
	s, err := socket.New(inet.Family4, socket.Stream, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n, ok := socket.KeepAlive.Number()
	if !ok {
		t.Fatal("no SO_KEEPALIVE")
	}
	if err := s.SetOptionInt(n, 1); err != nil {
		t.Fatal(err)
	}
	if v, err := s.GetOptionInt(n); v == 0 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	buf := make([]byte, 8)
	if size, err := s.GetOption(n, buf); size != 4 || err != nil {
		t.Errorf("%d bytes, %v", size, err)
	}
	if _, err := s.GetOption(n, make([]byte, 1<<20)); err == nil {
		t.Error("an option of a megabyte")
	}
	if err := s.SetOptionLength(n, 4); err == nil {
		t.Error("an int without a value")
	}
}

func setAndGet[T comparable](t *testing.T, s *socket.Socket, o socket.Option[T], want T) {
	t.Helper()
	if err := o.Set(s, want); err != nil {
		t.Error(err)
		return
	}
	if got, err := o.Get(s); got != want || err != nil {
		t.Errorf("%s is %v, %v; want %v", o, got, err, want)
	}
}
