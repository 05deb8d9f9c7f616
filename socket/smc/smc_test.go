package smc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/smc"
)

func listen(address string) func() (*socket.Listener, error) {
	return func() (*socket.Listener, error) { return smc.Listen(context.Background(), address) }
}

func dial(a net.Addr) (*socket.Socket, error) { return smc.Dial(context.Background(), a.String()) }

func TestConn(t *testing.T) {
	sockettest.Shows(t, "SMC", sockettest.IsConn)
	sockettest.Conn(t, listen("127.0.0.1:0"), dial)
}

func TestRoundTrip(t *testing.T) {
	sockettest.Shows(t, "SMC", sockettest.Trip, sockettest.Addresses)
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		a, b := sockettest.Pair(t, listen(address), dial)
		sockettest.RoundTrip(t, a, b)
		if a.RemoteAddr().Network() != "smc" || a.LocalAddr().String() != b.RemoteAddr().String() {
			t.Errorf("%s %v is the peer of %v", a.RemoteAddr().Network(), a.LocalAddr(), b.RemoteAddr())
		}
	}
}

func TestPython(t *testing.T) {
	sockettest.Shows(t, "SMC", sockettest.Opinion)
	l, err := listen("127.0.0.1:0")()
	sockettest.Need(t, err)
	defer l.Close()
	p := sockettest.Python(t, `
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.connect(('127.0.0.1', int(arg[0])))
s.sendall(b'from Python')
say(s.recv(100).decode())
l = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
l.bind(('127.0.0.1', 0))
l.listen()
say(l.getsockname()[1])
c, _ = l.accept()
c.sendall(c.recv(100))
c.recv(1)
`, strconv.Itoa(int(l.Addr().(inet.Addr).Port())))
	s, err := l.AcceptContext(sockettest.Context(t))
	sockettest.Need(t, err)
	defer s.Close()
	buf := make([]byte, 100)
	if n, err := s.Read(buf); err != nil || string(buf[:n]) != "from Python" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if _, err := s.Write([]byte("from Go")); err != nil {
		t.Fatal(err)
	}
	if line := p.Line(); line != "from Go" {
		t.Errorf("Python received %q", line)
	}
	c, err := smc.Dial(sockettest.Context(t), "127.0.0.1:"+p.Line())
	sockettest.Need(t, err)
	if _, err := c.Write([]byte("echo")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(buf); err != nil || string(buf[:n]) != "echo" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	_ = c.Close()
	p.Wait()
}

func Example() {
	fmt.Println(smc.Transport.Name)
	// Output: smc
}

func TestOptions(t *testing.T) {
	sockettest.Shows(t, "SMC", sockettest.Options)
	s, err := smc.Transport.New(4)
	sockettest.Need(t, err)
	defer s.Close()
	if err := inet.NoDelay.Set(s, true); err != nil {
		t.Error(err)
	}
	if err := smc.LimitHandshakes.Set(s, true); err != nil {
		t.Error(err)
	}
}

// TestInUse asks how connections transfer their data. Both ends give the same answer,
// which goes into docs/sockets.md, and a peer of plain TCP leaves only TCP.
func TestInUse(t *testing.T) {
	sockettest.Shows(t, "SMC", sockettest.Options)
	ctx := sockettest.Context(t)
	a, b := sockettest.Pair(t, listen("127.0.0.1:0"), dial)
	sockettest.RoundTrip(t, a, b)
	there, err := smc.InUse(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	back, err := smc.InUse(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	if there.Mode != back.Mode || (there.Mode == smc.Fallback) != (there.Reason != 0) {
		t.Errorf("%+v and %+v", there, back)
	}
	note := "its connections over the loopback interface used " + there.Mode.String()
	if there.Reason == smc.NoDevice {
		note += ", because there is neither an RDMA nor an ISM device"
	}
	sockettest.Notes(t, "SMC", note)

	_, c := sockettest.Pair(t, listen("127.0.0.1:0"), dialTCP)
	if u, err := smc.InUse(ctx, c); err != nil ||
		u != (smc.Use{Mode: smc.Fallback, Reason: smc.PeerWithoutSMC}) {
		t.Errorf("with a peer of TCP: %+v, %v", u, err)
	}
	s, err := smc.Transport.New(4)
	sockettest.Need(t, err)
	defer s.Close()
	if u, err := smc.InUse(ctx, s); !errors.Is(err, syscall.ENOTCONN) {
		t.Errorf("before a connection: %+v, %v", u, err)
	}
	_ = a.Close()
	if _, err := smc.InUse(ctx, a); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestInUseOfAnother asks about a socket of another family.
func TestInUseOfAnother(t *testing.T) {
	l, err := inet.CreateServer(context.Background(), "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := dialTCP(l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var op *net.OpError
	if _, err := smc.InUse(context.Background(), s); !errors.As(err, &op) || op.Net != "tcp" {
		t.Errorf("%v", err)
	}
}

func dialTCP(a net.Addr) (*socket.Socket, error) {
	return inet.CreateConnection(context.Background(), a.String(), nil)
}

// TestTCPPeer checks that a peer which supports only TCP can connect.
func TestTCPPeer(t *testing.T) {
	sockettest.Shows(t, "SMC", sockettest.Trip)
	a, b := sockettest.Pair(t, listen("127.0.0.1:0"), dialTCP)
	sockettest.RoundTrip(t, a, b)
}
