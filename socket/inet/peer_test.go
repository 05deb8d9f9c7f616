//go:build linux || darwin || freebsd

package inet_test

import (
	"net"
	"runtime"
	"strconv"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
)

func TestWaiting(t *testing.T) {
	sockettest.Waits(t, "TCP", func() *socket.Socket {
		a, _ := sockettest.Pair(t, func() (*socket.Listener, error) {
			return inet.CreateServer(background, "127.0.0.1:0", nil)
		}, func(a net.Addr) (*socket.Socket, error) { return inet.CreateConnection(background, a.String(), nil) })
		return a
	})
	sockettest.Waits(t, "UDP", func() *socket.Socket { return bound(t, "127.0.0.1:0") })
}

func bound(t *testing.T, addr string) *socket.Socket {
	t.Helper()
	s, err := socket.New(inet.Family4, socket.Datagram, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Bind(inet.MustParse(addr)); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRefusals(t *testing.T) {
	sockettest.Refuses(t, "TCP", inet.Family4, socket.Stream, 0)
	sockettest.Refuses(t, "TCP", inet.Family6, socket.Stream, 0)
	sockettest.Refuses(t, "UDP", inet.Family4, socket.Datagram, 0)
}

// TestPython connects to Python's create_server and is connected to by its
// create_connection, in both versions of IP.
func TestPython(t *testing.T) {
	sockettest.Shows(t, "TCP", sockettest.Opinion)
	l, err := inet.CreateServer(background, ":0", &inet.ServerOptions{DualStack: inet.HasDualStackIPv6()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := sockettest.Python(t, `
for host in '127.0.0.1', '::1':
    with socket.create_connection((host, int(arg[0]))) as s:
        s.sendall(b'from Python')
        say(s.recv(100).decode())
l = socket.create_server(('', 0), family=socket.AF_INET6, dualstack_ipv6=True)
say(l.getsockname()[1])
for _ in range(2):
    c, _ = l.accept()
    c.sendall(c.recv(100))
    c.recv(1)
`, strconv.Itoa(int(l.Addr().(inet.Addr).Port())))
	buf := make([]byte, 100)
	for range 2 {
		s, err := l.AcceptContext(sockettest.Context(t))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := s.Read(buf); err != nil || string(buf[:n]) != "from Python" {
			t.Errorf("%q, %v", buf[:n], err)
		}
		if _, err := s.Write([]byte("from Go")); err != nil {
			t.Fatal(err)
		}
		if line := p.Line(); line != "from Go" {
			t.Errorf("Python received %q", line)
		}
		_ = s.Close()
	}
	port := p.Line()
	for _, host := range []string{"127.0.0.1", "::1"} {
		c, err := inet.CreateConnection(sockettest.Context(t), net.JoinHostPort(host, port), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("echo")); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(buf); err != nil || string(buf[:n]) != "echo" {
			t.Errorf("%q, %v", buf[:n], err)
		}
		_ = c.Close()
	}
	p.Wait()
}

// TestPythonDatagrams exchanges datagrams with ancillary data with Python.
func TestPythonDatagrams(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // the ancillary data of other systems has other names
	}
	sockettest.Shows(t, "UDP", sockettest.Opinion)
	s := bound(t, "127.0.0.1:0")
	if err := inet.ReceiveTOS.Set(s, true); err != nil {
		t.Fatal(err)
	}
	p := sockettest.Python(t, `
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 12, 1)  # IP_RECVTTL, which has no name there
s.sendmsg([b'from ', b'Python'], [(socket.IPPROTO_IP, socket.IP_TOS, struct.pack('=i', 0x20))], 0, ('127.0.0.1', int(arg[0])))
data, anc, flags, addr = s.recvmsg(100, 100)
say(data.decode(), [struct.unpack('=i', d)[0] for level, kind, d in anc if (level, kind) == (socket.IPPROTO_IP, socket.IP_TTL)], addr[1] == int(arg[0]))
`, strconv.Itoa(int(s.LocalAddr().(inet.Addr).Port())))
	m := socket.Message{Buffers: [][]byte{make([]byte, 100)}, Control: make([]byte, 100)}
	n, err := s.RecvMsg(sockettest.Context(t), &m, 0)
	if err != nil || string(m.Buffers[0][:n]) != "from Python" {
		t.Fatalf("%q, %v", m.Buffers[0][:n], err)
	}
	items, err := socket.ParseAncillary(m.Control[:m.ControlN])
	if err != nil || len(items) != 1 || items[0] != (socket.TOS{Value: 0x20}) {
		t.Errorf("%v, %v, want the service type that Python chose", items, err)
	}
	control, err := socket.AppendAncillary(nil, socket.HopLimit{Value: 44})
	if err != nil {
		t.Fatal(err)
	}
	answer := socket.Message{Buffers: [][]byte{[]byte("from Go")}, Addr: m.Addr, Control: control}
	if _, err := s.SendMsg(sockettest.Context(t), &answer, 0); err != nil {
		t.Fatal(err)
	}
	if line := p.Line(); line != "from Go [44] True" {
		t.Errorf("Python received %q", line)
	}
	p.Wait()
}
