//go:build linux || darwin || freebsd

package socket_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/unix"
)

var background = context.Background()

// pair returns two connected sockets that the test closes.
func pair(t testing.TB, typ socket.Type) (a, b *socket.Socket) {
	t.Helper()
	a, b, err := unix.Pair(typ)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

// tcpPair returns two connected TCP sockets that the test closes.
func tcpPair(t testing.TB) (a, b *socket.Socket) {
	t.Helper()
	l, err := inet.CreateServer(background, "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err = inet.CreateConnection(background, l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err = l.AcceptContext(background)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

func udpSocket(t testing.TB, addr string) *socket.PacketConn {
	t.Helper()
	a := inet.MustParse(addr)
	f := inet.Family4
	if a.Is6() {
		f = inet.Family6
	}
	s, err := socket.New(f, socket.Datagram, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Bind(a); err != nil {
		t.Fatal(err)
	}
	return s.PacketConn()
}

func TestConn(t *testing.T) {
	for name, make := range map[string]func() (a, b net.Conn, err error){
		"Pair": func() (net.Conn, net.Conn, error) {
			a, b, err := unix.Pair(socket.Stream)
			return a, b, err
		},
		"UNIX": func() (net.Conn, net.Conn, error) {
			return dialled(func() (*socket.Listener, error) {
				return unix.Listen(socket.Stream, unix.Path(filepath.Join(t.TempDir(), "s")))
			}, func(a net.Addr) (*socket.Socket, error) {
				return unix.Dial(background, socket.Stream, a.(unix.Addr))
			})
		},
		"TCP": func() (net.Conn, net.Conn, error) {
			return dialled(func() (*socket.Listener, error) {
				return inet.CreateServer(background, "127.0.0.1:0", nil)
			}, func(a net.Addr) (*socket.Socket, error) {
				return inet.CreateConnection(background, a.String(), nil)
			})
		},
		"StreamOverSeqPacket": func() (net.Conn, net.Conn, error) {
			a, b, err := unix.Pair(socket.SeqPacket)
			if err != nil {
				return nil, nil, err
			}
			x, err1 := socket.StreamOver(a, 1000, 1000)
			y, err2 := socket.StreamOver(b, 1000, 1000)
			return x, y, errors.Join(err1, err2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if row := map[string]string{"UNIX": "UNIX stream", "Pair": "UNIX stream", "TCP": "TCP", "StreamOverSeqPacket": "UNIX seqpacket"}[name]; row != "" {
				sockettest.Shows(t, row, sockettest.IsConn)
			}
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

func dialled(listen func() (*socket.Listener, error), dial func(net.Addr) (*socket.Socket, error)) (a, b net.Conn, err error) {
	l, err := listen()
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	s, err := dial(l.Addr())
	if err != nil {
		return nil, nil, err
	}
	b, err = l.Accept()
	return s, b, err
}

func TestPacketConn(t *testing.T) {
	sockettest.Shows(t, "UDP", sockettest.Trip)
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		a, b := udpSocket(t, addr), udpSocket(t, addr)
		if _, err := a.WriteTo([]byte("ping"), b.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 10)
		n, from, err := b.ReadFrom(buf)
		if err != nil || string(buf[:n]) != "ping" {
			t.Fatalf("got %q, %v", buf[:n], err)
		}
		if from != a.LocalAddr() {
			t.Errorf("came from %v, want %v", from, a.LocalAddr())
		}
		// An empty datagram is a message and not the end.
		if _, err := b.WriteTo(nil, from); err != nil {
			t.Fatal(err)
		}
		if n, _, err := a.ReadFrom(buf); n != 0 || err != nil {
			t.Errorf("empty datagram: %d, %v", n, err)
		}
		// Package net's addresses are taken too.
		if _, err := a.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(b.LocalAddr().(inet.Addr).AddrPort)); err != nil {
			t.Error(err)
		}
	}
}

func TestEOF(t *testing.T) {
	a, b := pair(t, socket.Stream)
	if _, err := a.Write([]byte("last")); err != nil {
		t.Fatal(err)
	}
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(b)
	if err != nil || string(got) != "last" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := b.RecvMsg(background, &socket.Message{Buffers: [][]byte{make([]byte, 1)}}, 0); err != io.EOF {
		t.Errorf("RecvMsg at the end: %v", err)
	}
	if _, err := b.RecvInto(background, make([]byte, 1), 0); err != io.EOF {
		t.Errorf("RecvInto at the end: %v", err)
	}
	if _, err := b.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	_ = b.CloseWrite()
	if _, err := a.RecvInto(background, make([]byte, 2), 0); err != io.ErrUnexpectedEOF {
		t.Errorf("RecvInto across the end: %v", err)
	}
}

func TestDeadline(t *testing.T) {
	a, _ := pair(t, socket.Stream)
	_ = a.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err := a.Read(make([]byte, 1))
	var op *net.OpError
	if !errors.As(err, &op) || !op.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read: %v", err)
	}
	_ = a.SetReadDeadline(time.Time{})
	if _, err := a.Write([]byte("x")); err != nil {
		t.Errorf("the read deadline stopped a write: %v", err)
	}
}

func TestCancel(t *testing.T) {
	a, b := pair(t, socket.Stream)
	ctx, cancel := context.WithCancelCause(background)
	time.AfterFunc(20*time.Millisecond, func() { cancel(errors.New("had enough")) })
	_, err := a.Recv(ctx, make([]byte, 1), 0)
	if !errors.Is(err, context.Canceled) || !bytes.Contains([]byte(err.Error()), []byte("had enough")) {
		t.Fatalf("recv: %v", err)
	}
	if _, err := a.Recv(ctx, make([]byte, 1), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("recv with a done context: %v", err)
	}
	late, stop := context.WithTimeout(background, 20*time.Millisecond)
	defer stop()
	if _, err = a.Recv(late, make([]byte, 1), 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("recv: %v", err)
	} else if op := err.(*net.OpError); !op.Timeout() {
		t.Error("the error of a context's deadline is no timeout")
	}
	// Neither leaves a deadline behind.
	if _, err := b.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := a.Recv(background, make([]byte, 1), 0); n != 1 || err != nil {
		t.Errorf("recv after a cancelled one: %d, %v", n, err)
	}
}

// TestCancelOneOfMany cancels a call while another waits on the same side: the
// other must continue to wait, with the user's deadline.
func TestCancelOneOfMany(t *testing.T) {
	a, b := pair(t, socket.Stream)
	if err := a.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	other := make(chan error, 1)
	go func() {
		_, err := a.Recv(background, make([]byte, 1), 0)
		other <- err
	}()
	time.Sleep(10 * time.Millisecond)
	for range 50 {
		ctx, cancel := context.WithTimeout(background, time.Millisecond)
		if _, err := a.Recv(ctx, make([]byte, 1), 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("cancelled call: %v", err)
		}
		cancel()
	}
	select {
	case err := <-other:
		t.Fatalf("the other call ended: %v", err)
	default:
	}
	if _, err := b.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := <-other; err != nil {
		t.Fatalf("the other call: %v", err)
	}
	// A deadline set while a call is being cancelled is in force afterwards.
	_ = a.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
}

func TestCloseUnblocks(t *testing.T) {
	for name, wait := range map[string]func(s *socket.Socket) error{
		"read":   func(s *socket.Socket) error { _, err := s.Read(make([]byte, 1)); return err },
		"recv":   func(s *socket.Socket) error { _, err := s.Recv(cancellable(t), make([]byte, 1), 0); return err },
		"write":  func(s *socket.Socket) error { _, err := s.Write(make([]byte, 64<<20)); return err },
		"accept": func(s *socket.Socket) error { _, err := listening(t, s).Accept(background); return err },
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := pair(t, socket.Stream)
			got := make(chan error, 1)
			if name == "accept" {
				a = nil
				l, err := inet.CreateServer(background, "127.0.0.1:0", nil)
				if err != nil {
					t.Fatal(err)
				}
				a = l.Socket()
			}
			go func() { got <- wait(a) }()
			time.Sleep(20 * time.Millisecond)
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-got:
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("%v, want net.ErrClosed", err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("still waiting")
			}
			if err := wait(a); !errors.Is(err, net.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		})
	}
}

func listening(_ *testing.T, s *socket.Socket) *socket.Socket { return s }

func cancellable(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(background)
	t.Cleanup(cancel)
	return ctx
}

// TestRaces calls everything at once, for the race detector.
func TestRaces(t *testing.T) {
	a, b := pair(t, socket.Stream)
	var wg sync.WaitGroup
	run := func(f func()) {
		wg.Go(func() {
			for range 200 {
				f()
			}
		})
	}
	run(func() { _, _ = a.Write([]byte("abc")) })
	run(func() {
		ctx, cancel := context.WithTimeout(background, 100*time.Microsecond)
		defer cancel()
		_, _ = b.Recv(ctx, make([]byte, 2), 0)
	})
	run(func() { _, _ = b.NonBlocking().Recv(make([]byte, 2), 0) })
	run(func() { _ = b.SetReadDeadline(time.Now().Add(50 * time.Microsecond)) })
	run(func() { _, _ = b.LocalAddr(), b.RemoteAddr() })
	run(func() { _, _ = socket.SendBuffer.Get(a) })
	wg.Go(func() {
		time.Sleep(20 * time.Millisecond)
		_ = a.SetDeadline(time.Now().Add(time.Second))
		_ = b.Close()
	})
	wg.Wait()
}

func TestNonBlocking(t *testing.T) {
	a, b := pair(t, socket.Stream)
	buf := make([]byte, 10)
	if _, err := a.NonBlocking().Recv(buf, 0); !errors.Is(err, socket.ErrWouldBlock) {
		t.Fatalf("recv: %v", err)
	}
	for {
		if _, err := b.NonBlocking().Send(make([]byte, 1<<16), 0); errors.Is(err, socket.ErrWouldBlock) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n, err := a.NonBlocking().Recv(buf, 0); n != len(buf) || err != nil {
		t.Errorf("recv: %d, %v", n, err)
	}
	l, err := inet.CreateServer(background, "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Socket().NonBlocking().Accept(); !errors.Is(err, socket.ErrWouldBlock) {
		t.Errorf("accept: %v", err)
	}
	s, err := socket.New(inet.Family4, socket.Stream, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		err := s.NonBlocking().Connect(l.Addr())
		if err == nil {
			break
		}
		if !errors.Is(err, socket.ErrWouldBlock) || time.Since(start) > 10*time.Second {
			t.Fatal(err)
		}
	}
}

func TestConnectWaitsForRoomInQueue(t *testing.T) {
	path := unix.Path(filepath.Join(t.TempDir(), "s"))
	s, err := socket.New(unix.Family, socket.Stream, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Bind(path); err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(background, 10*time.Second)
	defer cancel()
	const clients = 8
	errs := make(chan error, clients)
	for range clients {
		go func() {
			c, err := unix.Dial(ctx, socket.Stream, path)
			if err == nil {
				err = c.Close()
			}
			errs <- err
		}()
	}
	time.Sleep(30 * time.Millisecond)
	for range clients {
		c, err := s.Accept(ctx)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
	for range clients {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestErrors(t *testing.T) {
	s, err := socket.New(inet.Family4, socket.Stream, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, err := range map[string]error{
		"wrong family":   s.Connect(background, unix.Path("/x")),
		"wrong type":     s.Connect(background, &net.UnixAddr{Name: "/x"}),
		"no address":     s.Bind(nil),
		"IPv6 on IPv4":   s.Bind(inet.MustParse("[::1]:1")),
		"huge raw":       s.Bind(socket.RawAddr{Bytes: string(make([]byte, 200))}),
		"empty raw":      s.Bind(socket.RawAddr{}),
		"refused":        s.Connect(background, inet.MustParse("127.0.0.1:1")),
		"closed":         closedError(t),
		"many buffers":   second(s.SendMsg(background, &socket.Message{Buffers: make([][]byte, 2000)}, 0)),
		"unknown flag":   second(s.Send(background, nil, 1<<30)),
		"many rights":    second(socket.AppendAncillary(nil, socket.Rights{FDs: make([]int, 300)})),
		"option no name": s.SetOptionInt(socket.OptionNumber{Level: 9999, Name: 9999}, 1),
		"option size":    s.SetOption(socket.OptionNumber{Level: 1, Name: 1}, make([]byte, 1<<20)),
		"missing option": second(socket.RouteTable.Get(s)),
		"long string":    socket.Device.Set(s, "an-interface-name-of-many-bytes"),
	} {
		var op *net.OpError
		if name == "many rights" {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
			continue
		}
		if !errors.As(err, &op) || op.Net != "inet" {
			t.Errorf("%s: %#v, want a *net.OpError of inet", name, err)
		}
	}
	if _, err := inet.CreateConnection(background, "127.0.0.1:1", nil); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("refused: %v", err)
	}
}

func closedError(t *testing.T) error {
	s, err := socket.New(inet.Family4, socket.Stream, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return s.Close()
}

func second[T any](_ T, err error) error { return err }

func TestUnsupported(t *testing.T) {
	var none *socket.UnsupportedError
	_, err := socket.New(socket.Family{Name: "nothing", Number: 93, Module: "nothing"}, socket.Stream, 0)
	if !errors.As(err, &none) || !errors.Is(err, errors.ErrUnsupported) || !bytes.Contains([]byte(err.Error()), []byte("nothing sockets")) {
		t.Errorf("a family beyond all: %v", err)
	}
	_, err = socket.New(socket.Family{Name: "elsewhere", Number: -1}, socket.Stream, 0)
	if !errors.As(err, &none) || none.Errno != 0 {
		t.Errorf("another system's family: %v", err)
	}
	if _, _, err = socket.SocketPair(inet.Family4, socket.Stream, 0); err == nil {
		t.Error("a pair of TCP sockets")
	}
	if _, _, err = socket.SocketPair(socket.Family{Name: "elsewhere", Number: -1}, socket.Stream, 0); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a pair of another system's family: %v", err)
	}
}

func TestHandles(t *testing.T) {
	a, b := pair(t, socket.Stream)
	if on, err := a.Inheritable(); on || err != nil {
		t.Errorf("a new socket is inheritable: %v, %v", on, err)
	}
	if err := a.SetInheritable(true); err != nil {
		t.Fatal(err)
	}
	if on, _ := a.Inheritable(); !on {
		t.Error("not inheritable after SetInheritable")
	}
	d, err := a.Dup()
	if err != nil {
		t.Fatal(err)
	}
	if on, _ := d.Inheritable(); on {
		t.Error("a dup is inheritable")
	}
	fd, err := a.Detach()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after Detach: %v", err)
	}
	again, err := socket.FromFD(fd, unix.Family)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.Family().Name != "unix" || again.Type() != socket.Stream {
		t.Errorf("FromFD found %s %s", again.Family().Name, again.Type())
	}
	if _, ok := again.LocalAddr().(unix.Addr); !ok {
		t.Errorf("its address is a %T", again.LocalAddr())
	}
	for i, s := range []*socket.Socket{d, again} {
		if _, err := s.Write([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	_ = d.Close()
	if err := b.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 2)
	if _, err := b.RecvInto(background, got, 0); err != nil || got[1] != 1 {
		t.Errorf("got %v, %v", got, err)
	}
	f, err := b.File()
	if err != nil {
		t.Fatal(err)
	}
	if c, err := net.FileConn(f); err != nil {
		t.Error(err)
	} else {
		_ = c.Close()
	}
	_ = f.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := null.SyscallConn()
	_ = raw.Control(func(fd uintptr) {
		copied, err := syscall.Dup(int(fd))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := socket.FromFD(uintptr(copied)); !errors.Is(err, syscall.ENOTSOCK) {
			t.Errorf("FromFD of a file: %v", err)
		}
	})
	_ = null.Close()
}

func TestUnknownFamilyFromFD(t *testing.T) {
	a, _ := pair(t, socket.Stream)
	fd, err := a.Detach()
	if err != nil {
		t.Fatal(err)
	}
	s, err := socket.FromFD(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, ok := s.LocalAddr().(socket.RawAddr); !ok {
		t.Errorf("address of type %T", s.LocalAddr())
	}
}

func TestAudit(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	no := errors.New("not here")
	socket.SetAuditor(func(e socket.AuditEvent) error {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, e.Op)
		if e.Op == "connect" {
			return no
		}
		return nil
	})
	defer socket.SetAuditor(nil)
	s, err := socket.New(inet.Family4, socket.Datagram, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	to := inet.MustParse("127.0.0.1:9")
	if err := s.Connect(background, to); !errors.Is(err, no) {
		t.Errorf("connect: %v", err)
	}
	_, _ = s.SendTo(background, []byte("x"), 0, to)
	_, _ = s.SendMsg(background, &socket.Message{Addr: to}, 0)
	_ = s.Bind(inet.MustParse("127.0.0.1:0"))
	if want := []string{"socket", "connect", "sendto", "sendmsg", "bind"}; len(seen) != len(want) {
		t.Errorf("events %v, want %v", seen, want)
	}
}
