package rds_test

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/rds"
)

func open(t *testing.T, addr string) *socket.PacketConn {
	t.Helper()
	c, err := rds.Open(netip.MustParseAddrPort(addr))
	sockettest.Need(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestRoundTrip(t *testing.T) {
	sockettest.Shows(t, "RDS", sockettest.Trip, sockettest.Addresses)
	for _, ip := range []string{"127.0.0.1:0", "[::1]:0"} {
		a, b := open(t, ip), open(t, ip)
		ctx := sockettest.Context(t)
		buf := make([]byte, 100)
		for _, text := range []string{"ping", ""} {
			if _, err := a.WriteTo([]byte(text), b.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			n, from, err := b.RecvFrom(ctx, buf, 0)
			if err != nil || string(buf[:n]) != text || from.String() != a.LocalAddr().String() {
				t.Errorf("%q from %v, %v", buf[:n], from, err)
			}
		}
		if a.LocalAddr().Network() != "rds" {
			t.Errorf("address of network %s", a.LocalAddr().Network())
		}
	}
}

func TestOptions(t *testing.T) {
	sockettest.Shows(t, "RDS", sockettest.Options)
	c := open(t, "127.0.0.1:0")
	if err := rds.ReceiveErrors.Set(c.Socket, true); err != nil {
		t.Fatal(err)
	}
	if on, err := rds.ReceiveErrors.Get(c.Socket); !on || err != nil {
		t.Errorf("%v, %v", on, err)
	}
	if err := rds.CongestionMonitor.Set(c.Socket, true); err != nil {
		t.Error(err)
	}
	raw, err := inet.MustParse("127.0.0.1:4000").AppendSockaddr(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := rds.CancelSentTo.Set(c.Socket, raw); err != nil {
		t.Error(err)
	}
	if _, err := rds.Open(netip.MustParseAddrPort("192.0.2.1:1")); err == nil {
		t.Error("bound to another machine's address")
	}
}

func TestPython(t *testing.T) {
	sockettest.Shows(t, "RDS", sockettest.Opinion)
	c := open(t, "127.0.0.1:0")
	p := sockettest.Python(t, `
s = socket.socket(socket.AF_RDS, socket.SOCK_SEQPACKET)
s.bind(('127.0.0.1', 0))
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
	fmt.Println(inet.Addr{AddrPort: netip.MustParseAddrPort("192.0.2.1:4000"), Net: "rds"}.Network())
	// Output: rds
}
