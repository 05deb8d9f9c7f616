package tipc_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/tipc"
)

func TestAddr(t *testing.T) {
	sockettest.Shows(t, "TIPC", sockettest.Addresses)
	for text, a := range map[string]tipc.Addr{
		"1000:5-9": tipc.Range(1000, 5, 9, tipc.ClusterScope), "1000:7": tipc.Service(1000, 7),
		"#77@1001": tipc.SocketID(77, 0x1001), "8:9@abc": {Kind: tipc.KindService, A: 8, B: 9, C: 0xabc},
	} {
		if a.String() != text {
			t.Errorf("%q, want %q", a, text)
		}
		raw, err := a.AppendSockaddr(nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := tipc.Family.Decode(raw); b != a || err != nil {
			t.Errorf("%v came back as %v, %v", a, b, err)
		}
	}
	for _, a := range []tipc.Addr{{}, {Kind: 9}, tipc.Range(1000, 9, 5, 0)} {
		if _, err := a.AppendSockaddr(nil); err == nil {
			t.Errorf("%v has a struct sockaddr", a)
		}
	}
	for _, raw := range [][]byte{make([]byte, 15), make([]byte, 16)} {
		if a, err := tipc.Family.Decode(raw); err == nil {
			t.Errorf("% x is %v", raw, a)
		}
	}
	if tipc.Withdrawn.String() != "withdrawn" || tipc.EventKind(9).String() != "event 9" {
		t.Error("names of events")
	}
}

const service = 18_888

func listen(typ socket.Type) func() (*socket.Listener, error) {
	return func() (*socket.Listener, error) {
		return tipc.Listen(typ, tipc.Range(service, 0, 99, tipc.NodeScope))
	}
}

func dial(typ socket.Type) func(net.Addr) (*socket.Socket, error) {
	return func(net.Addr) (*socket.Socket, error) {
		return tipc.Dial(context.Background(), typ, tipc.Service(service, 17))
	}
}

func TestConn(t *testing.T) {
	sockettest.Shows(t, "TIPC", sockettest.IsConn)
	sockettest.Conn(t, listen(socket.Stream), dial(socket.Stream))
}

func TestRoundTrip(t *testing.T) {
	sockettest.Shows(t, "TIPC", sockettest.Trip)
	for _, typ := range []socket.Type{socket.Stream, socket.SeqPacket} {
		a, b := sockettest.Pair(t, listen(typ), dial(typ))
		sockettest.RoundTrip(t, a, b)
		if k := b.RemoteAddr().(tipc.Addr).Kind; k != tipc.KindSocket {
			t.Errorf("the peer's address is %v", b.RemoteAddr())
		}
	}
	a, b, err := socket.SocketPair(tipc.Family, socket.SeqPacket, 0)
	sockettest.Need(t, err)
	defer a.Close()
	defer b.Close()
	sockettest.RoundTrip(t, a, b)
}

// TestMessages sends to one instance, to all, and to a socket, in each scope.
func TestMessages(t *testing.T) {
	sockettest.Shows(t, "TIPC", sockettest.Trip)
	for _, typ := range []socket.Type{socket.RDM, socket.Datagram} {
		for _, scope := range []tipc.Scope{tipc.ZoneScope, tipc.ClusterScope, tipc.NodeScope} {
			a, err := tipc.ListenMessages(typ, tipc.Range(service+1, 0, 9, scope))
			sockettest.Need(t, err)
			b, err := tipc.ListenMessages(typ, tipc.Range(service+1, 10, 19, scope))
			sockettest.Need(t, err)
			for _, c := range []struct {
				to        tipc.Addr
				receivers []*socket.PacketConn
			}{
				{tipc.Service(service+1, 5), []*socket.PacketConn{a}},
				{tipc.Service(service+1, 15), []*socket.PacketConn{b}},
				{tipc.Range(service+1, 0, 99, 0), []*socket.PacketConn{a, b}},
				{a.LocalAddr().(tipc.Addr), []*socket.PacketConn{a}},
			} {
				if _, err := b.WriteTo([]byte("news"), c.to); err != nil {
					t.Fatalf("to %v: %v", c.to, err)
				}
				for _, r := range c.receivers {
					buf := make([]byte, 10)
					n, from, err := r.RecvFrom(sockettest.Context(t), buf, 0)
					if err != nil || string(buf[:n]) != "news" || from != b.LocalAddr() {
						t.Errorf("to %v: %q from %v, %v", c.to, buf[:n], from, err)
					}
				}
			}
			_, _ = a.Close(), b.Close()
		}
	}
}

func TestTopology(t *testing.T) {
	sockettest.Shows(t, "TIPC", sockettest.Trip)
	ctx := sockettest.Context(t)
	top, err := tipc.DialTopology(ctx)
	sockettest.Need(t, err)
	defer top.Close()
	if err := top.Subscribe(ctx, tipc.Subscription{Service: service + 2, Upper: 1000, Timeout: tipc.WaitForever}); err != nil {
		t.Fatal(err)
	}
	c, err := tipc.ListenMessages(socket.RDM, tipc.Range(service+2, 3, 4, tipc.NodeScope))
	if err != nil {
		t.Fatal(err)
	}
	want := tipc.Event{Kind: tipc.Published, Lower: 3, Upper: 4, Socket: c.LocalAddr().(tipc.Addr)}
	if e, err := top.Next(ctx); e != want || err != nil {
		t.Errorf("%+v, %v, want %+v", e, err, want)
	}
	_ = c.Close()
	if e, err := top.Next(ctx); e.Kind != tipc.Withdrawn || err != nil {
		t.Errorf("%+v, %v, want its end", e, err)
	}
	if err := top.Subscribe(ctx, tipc.Subscription{Service: service + 3, EachSocket: true, Timeout: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if e, err := top.Next(ctx); e.Kind != tipc.TimedOut || err != nil {
		t.Errorf("%+v, %v, want a time-out", e, err)
	}
}

func TestOptions(t *testing.T) {
	sockettest.Shows(t, "TIPC", sockettest.Options)
	s, err := socket.New(tipc.Family, socket.SeqPacket, 0)
	sockettest.Need(t, err)
	defer s.Close()
	if err := tipc.Importance.Set(s, tipc.CriticalImportance); err != nil {
		t.Fatal(err)
	}
	if v, err := tipc.Importance.Get(s); v != tipc.CriticalImportance || err != nil {
		t.Errorf("importance %d, %v", v, err)
	}
	if err := tipc.ConnectTimeout.Set(s, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if d, err := tipc.ConnectTimeout.Get(s); d != 100*time.Millisecond || err != nil {
		t.Errorf("timeout %v, %v", d, err)
	}
	if err := s.Connect(sockettest.Context(t), tipc.Service(service+9, 1)); err == nil {
		t.Error("connected to nobody")
	}
}

func TestPython(t *testing.T) {
	sockettest.Shows(t, "TIPC", sockettest.Opinion)
	c, err := tipc.ListenMessages(socket.RDM, tipc.Range(service+4, 1, 1, tipc.NodeScope))
	sockettest.Need(t, err)
	defer c.Close()
	p := sockettest.Python(t, `
s = socket.socket(socket.AF_TIPC, socket.SOCK_RDM)
s.sendto(b'from Python', (socket.TIPC_ADDR_NAME, int(arg[0]), 1, 0))
data, addr = s.recvfrom(100)
say(data.decode(), addr[0] == socket.TIPC_ADDR_ID)
l = socket.socket(socket.AF_TIPC, socket.SOCK_STREAM)
l.bind((socket.TIPC_ADDR_NAMESEQ, int(arg[0]), 2, 2, socket.TIPC_NODE_SCOPE))
l.listen()
say('listening')
k, _ = l.accept()
k.sendall(k.recv(100))
k.recv(1)
`, fmt.Sprint(service+4))
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
	p.Line()
	s, err := tipc.Dial(sockettest.Context(t), socket.Stream, tipc.Service(service+4, 2))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("echo")); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Read(buf); err != nil || string(buf[:n]) != "echo" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	_ = s.Close()
	p.Wait()
}

func Example() {
	fmt.Println(tipc.Service(18888, 17), tipc.Range(18888, 0, 99, tipc.ClusterScope))
	// Output: 18888:17 18888:0-99
}
