package socket_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
)

var background = context.Background()

func tcpPair() (a, b *socket.Socket, err error) {
	l, err := inet.CreateServer(background, "127.0.0.1:0", nil)
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if a, err = inet.CreateConnection(background, l.Addr().String(), nil); err != nil {
		return nil, nil, err
	}
	b, err = l.AcceptContext(background)
	return a, b, err
}

func TestConn(t *testing.T) {
	for name, make := range map[string]func() (a, b *socket.Socket, err error){
		"TCP": tcpPair,
		"Pair": func() (*socket.Socket, *socket.Socket, error) {
			return socket.SocketPair(inet.Family4, socket.Stream, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
				a, b, err := make()
				if err != nil {
					return nil, nil, nil, err
				}
				return a, b, func() { _, _ = a.Close(), b.Close() }, nil
			})
		})
	}
}

func TestWaiting(t *testing.T) {
	a, b, err := tcpPair()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := a.NonBlocking().Recv(make([]byte, 1), 0); !errors.Is(err, socket.ErrWouldBlock) {
		t.Errorf("recv: %v", err)
	}
	_ = a.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	_ = a.SetReadDeadline(time.Time{})
	ctx, cancel := context.WithTimeout(background, 30*time.Millisecond)
	defer cancel()
	if _, err := a.Recv(ctx, make([]byte, 1), 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("recv: %v", err)
	}
	time.AfterFunc(30*time.Millisecond, func() { _ = a.Close() })
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read of a closed socket: %v", err)
	}
	if _, err := inet.CreateConnection(background, "127.0.0.1:1", nil); err == nil {
		t.Error("connected to nobody")
	}
}

func TestMessages(t *testing.T) {
	open := func() *socket.PacketConn {
		s, err := socket.New(inet.Family4, socket.Datagram, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		if err := s.Bind(inet.MustParse("127.0.0.1:0")); err != nil {
			t.Fatal(err)
		}
		return s.PacketConn()
	}
	a, b := open(), open()
	m := socket.Message{Buffers: [][]byte{[]byte("two "), []byte("parts")}, Addr: b.LocalAddr()}
	if n, err := a.SendMsg(background, &m, 0); n != 9 || err != nil {
		t.Fatalf("sent %d, %v", n, err)
	}
	buf := make([]byte, 20)
	m = socket.Message{Buffers: [][]byte{buf[:3], buf[3:]}}
	if n, err := b.RecvMsg(background, &m, 0); n != 9 || err != nil || string(buf[:9]) != "two parts" || m.Addr != a.LocalAddr() {
		t.Errorf("%q from %v, %v", buf[:n], m.Addr, err)
	}
	if _, err := a.WriteTo([]byte("cut off"), b.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if n, _, err := b.ReadFrom(buf[:3]); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := socket.AppendAncillary(nil, socket.TOS{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("ancillary data: %v", err)
	}
}

func TestHandles(t *testing.T) {
	a, b, err := tcpPair()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if on, err := a.Inheritable(); on || err != nil {
		t.Errorf("a new socket is inheritable: %v, %v", on, err)
	}
	d, err := a.Dup()
	if err != nil {
		t.Fatal(err)
	}
	_ = a.Close()
	shared, err := d.Share(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	s, err := socket.FromShare(shared, inet.Family4)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_ = d.Close()
	if _, err := io.WriteString(s, "shared"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 6)
	if _, err := b.RecvInto(background, buf, 0); err != nil || string(buf) != "shared" {
		t.Errorf("%q, %v", buf, err)
	}
	if _, err := socket.FromShare(shared[:10]); err == nil {
		t.Error("ten bytes are a socket")
	}
	if err := socket.KeepAlive.Set(s, true); err != nil {
		t.Error(err)
	}
	if on, err := socket.KeepAlive.Get(s); !on || err != nil {
		t.Errorf("keep-alive %v, %v", on, err)
	}
	if err := s.SetKeepAliveValues(true, time.Minute, time.Second); err != nil {
		t.Error(err)
	}
	_, err = socket.New(socket.Family{Name: "nothing", Number: 93}, socket.Stream, 0)
	var none *socket.UnsupportedError
	if !errors.As(err, &none) {
		t.Errorf("a family beyond all: %v", err)
	}
}
