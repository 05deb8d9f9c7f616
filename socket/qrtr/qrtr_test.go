package qrtr_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/qrtr"
)

func TestAddr(t *testing.T) {
	sockettest.Shows(t, "QRTR", sockettest.Addresses)
	a := qrtr.Addr{Node: 3, Port: qrtr.ControlPort}
	raw, err := a.AppendSockaddr(nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := qrtr.Family.Decode(raw); b != a || err != nil {
		t.Errorf("%v came back as %v, %v", a, b, err)
	}
	if a, err := qrtr.Family.Decode(raw[:11]); err == nil {
		t.Errorf("11 bytes are %v", a)
	}
}

func open(t *testing.T, port uint32) *socket.PacketConn {
	t.Helper()
	c, err := qrtr.Open(port)
	sockettest.Need(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestRoundTrip(t *testing.T) {
	sockettest.Shows(t, "QRTR", sockettest.Trip)
	a, b := open(t, 0), open(t, 20_000)
	if b.LocalAddr().(qrtr.Addr).Port != 20_000 {
		t.Errorf("bound to %v", b.LocalAddr())
	}
	ctx := sockettest.Context(t)
	if _, err := a.SendTo(ctx, []byte("ping"), 0, b.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	n, from, err := b.RecvFrom(ctx, buf, 0)
	if err != nil || string(buf[:n]) != "ping" || from != a.LocalAddr() {
		t.Fatalf("%q from %v, %v", buf[:n], from, err)
	}
	// Connected, it is a net.Conn.
	if err := b.Connect(ctx, from); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Write([]byte("pong")); err != nil {
		t.Fatal(err)
	}
	if n, err := a.Recv(ctx, buf, 0); err != nil || string(buf[:n]) != "pong" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if _, err := qrtr.Open(20_000); err == nil {
		t.Error("a port was taken twice")
	}
}

func TestPython(t *testing.T) {
	sockettest.Shows(t, "QRTR", sockettest.Opinion)
	c := open(t, 0)
	local := c.LocalAddr().(qrtr.Addr)
	p := sockettest.Python(t, `
s = socket.socket(socket.AF_QIPCRTR, socket.SOCK_DGRAM)
s.sendto(b'from Python', (int(arg[0]), int(arg[1])))
data, addr = s.recvfrom(100)
say(data.decode(), addr)
`, strconv.Itoa(int(local.Node)), strconv.Itoa(int(local.Port)))
	buf := make([]byte, 100)
	n, from, err := c.RecvFrom(sockettest.Context(t), buf, 0)
	if err != nil || string(buf[:n]) != "from Python" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	if _, err := c.WriteTo([]byte("from Go"), from); err != nil {
		t.Fatal(err)
	}
	if line, want := p.Line(), fmt.Sprintf("from Go (%d, %d)", local.Node, local.Port); line != want {
		t.Errorf("Python received %q, want %q", line, want)
	}
	p.Wait()
}

func Example() {
	fmt.Println(qrtr.Addr{Node: 1, Port: 16384})
	// Output: 1:16384
}
