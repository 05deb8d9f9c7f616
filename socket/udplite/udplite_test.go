package udplite_test

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/udplite"
)

func open(t *testing.T, addr string) *socket.PacketConn {
	t.Helper()
	c, err := udplite.Open(netip.MustParseAddrPort(addr))
	sockettest.Need(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestRoundTrip(t *testing.T) {
	sockettest.Shows(t, "UDP-Lite", sockettest.Trip, sockettest.Addresses, sockettest.Options)
	for _, ip := range []string{"127.0.0.1:0", "[::1]:0"} {
		a, b := open(t, ip), open(t, ip)
		if err := udplite.SendCoverage.Set(a.Socket, 12); err != nil {
			t.Fatal(err)
		}
		if n, err := udplite.SendCoverage.Get(a.Socket); n != 12 || err != nil {
			t.Errorf("coverage %d, %v", n, err)
		}
		if _, err := a.WriteTo([]byte("ping pong"), b.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		n, from, err := b.RecvFrom(sockettest.Context(t), buf, 0)
		if err != nil || string(buf[:n]) != "ping pong" || from != a.LocalAddr() {
			t.Errorf("%q from %v, %v", buf[:n], from, err)
		}
	}
}

// TestCoverage shows that a receiver drops what is covered too little.
func TestCoverage(t *testing.T) {
	sockettest.Shows(t, "UDP-Lite", sockettest.Options)
	a, b := open(t, "127.0.0.1:0"), open(t, "127.0.0.1:0")
	if err := udplite.ReceiveCoverage.Set(b.Socket, 20); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		coverage int
		text     string
	}{{8, "too little covered"}, {20, "enough covered"}} {
		if err := udplite.SendCoverage.Set(a.Socket, c.coverage); err != nil {
			t.Fatal(err)
		}
		if _, err := a.WriteTo([]byte(c.text), b.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 100)
	if n, err := b.Recv(sockettest.Context(t), buf, 0); err != nil || string(buf[:n]) != "enough covered" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

func TestPython(t *testing.T) {
	sockettest.Shows(t, "UDP-Lite", sockettest.Opinion)
	c := open(t, "127.0.0.1:0")
	p := sockettest.Python(t, `
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDPLITE)
s.setsockopt(socket.IPPROTO_UDPLITE, socket.UDPLITE_SEND_CSCOV, 8)
s.sendto(b'from Python', ('127.0.0.1', int(arg[0])))
data, addr = s.recvfrom(100)
say(data.decode(), addr[1] == int(arg[0]))
`, strconv.Itoa(int(c.LocalAddr().(inet.Addr).Port())))
	buf := make([]byte, 100)
	n, from, err := c.RecvFrom(sockettest.Context(t), buf, 0)
	if err != nil || string(buf[:n]) != "from Python" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	if _, err := c.WriteTo([]byte("from Go"), from); err != nil {
		t.Fatal(err)
	}
	if line := p.Line(); line != "from Go True" {
		t.Errorf("Python received %q", line)
	}
	p.Wait()
}

func Example() {
	fmt.Println(udplite.Transport.Name)
	// Output: udplite
}
