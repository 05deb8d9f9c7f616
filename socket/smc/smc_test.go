package smc_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
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

// TestTCPPeer checks that a peer which supports only TCP can connect.
func TestTCPPeer(t *testing.T) {
	sockettest.Shows(t, "SMC", sockettest.Trip)
	a, b := sockettest.Pair(t, listen("127.0.0.1:0"), func(a net.Addr) (*socket.Socket, error) {
		return inet.CreateConnection(context.Background(), a.String(), nil)
	})
	sockettest.RoundTrip(t, a, b)
}
