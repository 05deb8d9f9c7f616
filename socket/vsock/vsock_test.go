package vsock_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/vsock"
)

func TestAddr(t *testing.T) {
	sockettest.Shows(t, "vsock", sockettest.Addresses)
	for text, a := range map[string]vsock.Addr{
		"3:1024": {CID: 3, Port: 1024}, "any:any": {CID: vsock.AnyContext, Port: vsock.AnyPort},
		"host:1": {CID: vsock.Host, Port: 1}, "local:2": {CID: vsock.Local, Port: 2, ToHost: true},
	} {
		if a.String() != text || a.Network() != "vsock" {
			t.Errorf("%q, want %q", a, text)
		}
		raw, err := a.AppendSockaddr(nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := vsock.Family.Decode(raw); b != a || err != nil {
			t.Errorf("%v came back as %v, %v", a, b, err)
		}
	}
	if a, err := vsock.Family.Decode(make([]byte, 15)); err == nil {
		t.Errorf("15 bytes are %v", a)
	}
}

func listen(typ socket.Type) func() (*socket.Listener, error) {
	return func() (*socket.Listener, error) {
		return vsock.Listen(typ, vsock.Addr{CID: vsock.AnyContext, Port: vsock.AnyPort})
	}
}

func dial(typ socket.Type) func(net.Addr) (*socket.Socket, error) {
	return func(a net.Addr) (*socket.Socket, error) {
		return vsock.Dial(context.Background(), typ, vsock.Addr{CID: vsock.Local, Port: a.(vsock.Addr).Port})
	}
}

func TestConn(t *testing.T) {
	sockettest.Shows(t, "vsock", sockettest.IsConn)
	needLoopback(t)
	sockettest.Conn(t, listen(socket.Stream), dial(socket.Stream))
}

func TestRoundTrip(t *testing.T) {
	sockettest.Shows(t, "vsock", sockettest.Trip)
	needLoopback(t)
	for _, typ := range []socket.Type{socket.Stream, socket.SeqPacket} {
		a, b := sockettest.Pair(t, listen(typ), dial(typ))
		sockettest.RoundTrip(t, a, b)
		if a.RemoteAddr().(vsock.Addr).CID != vsock.Local {
			t.Errorf("connected to %v", a.RemoteAddr())
		}
	}
}

// needLoopback skips where the family is there and its loopback is not.
func needLoopback(t *testing.T) {
	t.Helper()
	l, err := listen(socket.Stream)()
	sockettest.Need(t, err)
	defer l.Close()
	s, err := dial(socket.Stream)(l.Addr())
	if err != nil {
		if sockettest.InVM() {
			t.Fatal(err)
		}
		t.Skipf("no loopback for vsock here: %v", err)
	}
	_ = s.Close()
}

func TestOptions(t *testing.T) {
	sockettest.Shows(t, "vsock", sockettest.Options)
	s, err := socket.New(vsock.Family, socket.Stream, 0)
	sockettest.Need(t, err)
	defer s.Close()
	if err := vsock.BufferMaxSize.Set(s, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := vsock.BufferSize.Set(s, 500_000); err != nil {
		t.Fatal(err)
	}
	if n, err := vsock.BufferSize.Get(s); n != 500_000 || err != nil {
		t.Errorf("buffer of %d bytes, %v", n, err)
	}
	if _, err := vsock.BufferMinSize.Get(s); err != nil {
		t.Error(err)
	}
}

func TestLocalCID(t *testing.T) {
	cid, err := vsock.LocalCID()
	if err != nil {
		var op *net.OpError
		if !errors.As(err, &op) {
			t.Errorf("%v is no *net.OpError", err)
		}
		if sockettest.InVM() {
			t.Fatal(err)
		}
		return
	}
	if cid == vsock.Hypervisor {
		t.Error("this machine is the hypervisor")
	}
}

func TestErrors(t *testing.T) {
	sockettest.Shows(t, "vsock", sockettest.BadInput)
	if _, err := vsock.Dial(context.Background(), socket.Stream, vsock.Addr{CID: vsock.Local, Port: 9}); err == nil {
		t.Error("connected to nobody")
	}
	if _, err := vsock.Listen(socket.Type(99), vsock.Addr{}); err == nil {
		t.Error("a socket of type 99")
	}
}

// TestPython connects to Python's socket and is connected to by it.
func TestPython(t *testing.T) {
	sockettest.Shows(t, "vsock", sockettest.Opinion)
	needLoopback(t)
	l, err := listen(socket.Stream)()
	sockettest.Need(t, err)
	defer l.Close()
	p := sockettest.Python(t, `
s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
s.connect((1, int(arg[0])))
s.sendall(b'from Python')
say(s.recv(100).decode())
l = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
l.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))
l.listen()
say(l.getsockname()[1])
c, _ = l.accept()
c.sendall(c.recv(100))
`, strconv.FormatUint(uint64(l.Addr().(vsock.Addr).Port), 10))
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
	port, err := strconv.ParseUint(p.Line(), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	c, err := vsock.Dial(sockettest.Context(t), socket.Stream, vsock.Addr{CID: vsock.Local, Port: uint32(port)})
	sockettest.Need(t, err)
	defer c.Close()
	if _, err := c.Write([]byte("echo")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(buf); err != nil || string(buf[:n]) != "echo" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	p.Wait()
}

func Example() {
	a := vsock.Addr{CID: vsock.Host, Port: 4433}
	fmt.Println(a.Network(), a)
	// Output: vsock host:4433
}
