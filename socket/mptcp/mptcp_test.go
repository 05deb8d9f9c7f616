package mptcp_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/mptcp"
)

func listen(address string) func() (*socket.Listener, error) {
	return func() (*socket.Listener, error) { return mptcp.Listen(context.Background(), address) }
}

func dial(a net.Addr) (*socket.Socket, error) { return mptcp.Dial(context.Background(), a.String()) }

func TestConn(t *testing.T) {
	sockettest.Shows(t, "MPTCP", sockettest.IsConn)
	sockettest.Conn(t, listen("127.0.0.1:0"), dial)
}

func TestRoundTrip(t *testing.T) {
	sockettest.Shows(t, "MPTCP", sockettest.Trip, sockettest.Addresses)
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		a, b := sockettest.Pair(t, listen(address), dial)
		sockettest.RoundTrip(t, a, b)
		if a.RemoteAddr().Network() != "mptcp" || a.LocalAddr().String() != b.RemoteAddr().String() {
			t.Errorf("%s %v is the peer of %v", a.RemoteAddr().Network(), a.LocalAddr(), b.RemoteAddr())
		}
	}
}

func TestPython(t *testing.T) {
	sockettest.Shows(t, "MPTCP", sockettest.Opinion)
	l, err := listen("127.0.0.1:0")()
	sockettest.Need(t, err)
	defer l.Close()
	p := sockettest.Python(t, `
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
s.connect(('127.0.0.1', int(arg[0])))
s.sendall(b'from Python')
say(s.recv(100).decode())
l = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
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
	c, err := mptcp.Dial(sockettest.Context(t), "127.0.0.1:"+p.Line())
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
	fmt.Println(mptcp.Transport.Name)
	// Output: mptcp
}

func TestInUse(t *testing.T) {
	sockettest.Shows(t, "MPTCP", sockettest.Trip, sockettest.Options)
	a, b := sockettest.Pair(t, listen("127.0.0.1:0"), dial)
	sockettest.RoundTrip(t, a, b)
	if !mptcp.InUse(a) || !mptcp.InUse(b) {
		t.Error("fell back to TCP")
	}
	plain, _ := sockettest.Pair(t, listen("127.0.0.1:0"), func(a net.Addr) (*socket.Socket, error) {
		return inet.CreateConnection(context.Background(), a.String(), nil)
	})
	if mptcp.InUse(plain) {
		t.Error("TCP is multipath TCP")
	}
	if err := inet.NoDelay.Set(a, true); err != nil {
		t.Error(err)
	}
}
