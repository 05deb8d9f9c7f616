//go:build linux || darwin || freebsd

package inet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
)

var background = context.Background()

func TestAddr(t *testing.T) {
	for _, row := range []string{"TCP", "UDP"} {
		sockettest.Shows(t, row, sockettest.Addresses)
	}
	for _, a := range []inet.Addr{
		inet.MustParse("127.0.0.1:80"),
		inet.MustParse("[2001:db8::1]:443"),
		inet.MustParse("[fe80::1%7]:1"),
		{AddrPort: netip.MustParseAddrPort("[::1]:1"), FlowInfo: 0xabcdef},
	} {
		a.Net = "inet6"
		f := inet.Family6
		if !a.Is6() {
			f, a.Net = inet.Family4, "inet"
		}
		raw, err := a.AppendSockaddr(nil)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := f.Decode(raw); back != a || err != nil {
			t.Errorf("%v came back as %v, %v", a, back, err)
		}
	}
	raw, _ := inet.MustParse("1.2.3.4:258").AppendSockaddr(nil)
	if string(raw[2:8]) != "\x01\x02\x01\x02\x03\x04" {
		t.Errorf("struct sockaddr_in is % x", raw)
	}
	if inet.AddrOf(netip.IPv6Loopback(), 1).Network() != "ip" {
		t.Error("an address without a network")
	}
}

func TestAddrErrors(t *testing.T) {
	for _, a := range []inet.Addr{
		{},
		{AddrPort: netip.MustParseAddrPort("127.0.0.1:1"), FlowInfo: 1},
		{AddrPort: netip.MustParseAddrPort("[::1]:1"), FlowInfo: 1 << 28},
		inet.MustParse("[fe80::1%no-such-interface]:1"),
	} {
		if _, err := a.AppendSockaddr(nil); err == nil {
			t.Errorf("%v has a struct sockaddr", a)
		}
	}
	for _, raw := range []string{"", "\x00", "\x02\x00\x01", "\x0a\x00" + strings.Repeat("x", 20)} {
		if a, err := inet.Family6.Decode([]byte(raw)); err == nil {
			t.Errorf("%q is %v", raw, a)
		}
	}
	if _, err := inet.Family4.Convert(&net.UnixAddr{}); err == nil {
		t.Error("a path is an IP address")
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{"127.0.0.1:80", "[fe80::1%7]:1"} {
		raw, _ := inet.MustParse(text).AppendSockaddr(nil)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := inet.Family6.Decode(raw)
		if err != nil {
			return
		}
		if ia := a.(inet.Addr); ia.Is6() && ia.FlowInfo < 1<<28 {
			again, err := a.AppendSockaddr(nil)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := inet.Family6.Decode(again); a != b || err != nil {
				t.Fatalf("%v is not %v, %v", a, b, err)
			}
		}
	})
}

func TestConvert(t *testing.T) {
	ip := net.IPv4(1, 2, 3, 4)
	for _, a := range []net.Addr{&net.TCPAddr{IP: ip, Port: 5}, &net.UDPAddr{IP: ip, Port: 5}} {
		four, err := inet.Family4.Convert(a)
		if err != nil || four.String() != "1.2.3.4:5" {
			t.Errorf("%T is %v, %v", a, four, err)
		}
		six, err := inet.Family6.Convert(a)
		if err != nil || six.String() != "[::ffff:1.2.3.4]:5" {
			t.Errorf("%T is %v, %v", a, six, err)
		}
	}
	if a, err := inet.Family6.Convert(&net.IPAddr{IP: net.IPv6loopback}); err != nil || a.String() != "[::1]:0" {
		t.Errorf("%v, %v", a, err)
	}
}

func TestServerAndConnection(t *testing.T) {
	sockettest.Shows(t, "TCP", sockettest.Trip)
	for _, c := range []struct {
		name, listen string
		server       inet.ServerOptions
		client       inet.ConnectOptions
		to           string
	}{
		{"IPv4", "127.0.0.1:0", inet.ServerOptions{}, inet.ConnectOptions{}, "127.0.0.1"},
		{"IPv6", "[::1]:0", inet.ServerOptions{}, inet.ConnectOptions{Version: 6}, "::1"},
		{"a name", "localhost:0", inet.ServerOptions{Version: 4}, inet.ConnectOptions{}, "localhost"},
		{"any", ":0", inet.ServerOptions{}, inet.ConnectOptions{Version: 4}, ""},
		{"dual stack by IPv4", ":0", inet.ServerOptions{DualStack: true, ReusePort: true, Backlog: 5}, inet.ConnectOptions{}, "127.0.0.1"},
		{"dual stack by IPv6", ":0", inet.ServerOptions{DualStack: true}, inet.ConnectOptions{}, "::1"},
		{"from a source", "127.0.0.1:0", inet.ServerOptions{}, inet.ConnectOptions{Source: netip.MustParseAddrPort("127.0.0.9:0")}, "127.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := inet.CreateServer(background, c.listen, &c.server)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			s, err := inet.CreateConnection(background, net.JoinHostPort(c.to, port), &c.client)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			peer, err := l.AcceptContext(background)
			if err != nil {
				t.Fatal(err)
			}
			defer peer.Close()
			if source := c.client.Source; source.IsValid() && peer.RemoteAddr().(inet.Addr).Addr() != source.Addr() {
				t.Errorf("came from %v, want %v", peer.RemoteAddr(), source)
			}
			if _, err := io.WriteString(s, "hello"); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 5)
			if _, err := peer.RecvInto(background, buf, 0); err != nil || string(buf) != "hello" {
				t.Errorf("%q, %v", buf, err)
			}
		})
	}
}

func TestConnectionErrors(t *testing.T) {
	sockettest.Shows(t, "TCP", sockettest.BadInput)
	_, err := inet.CreateConnection(background, "localhost:1", &inet.ConnectOptions{AllErrors: true})
	if !errors.Is(err, syscall.ECONNREFUSED) || strings.Count(err.Error(), "refused") < 1 {
		t.Errorf("all errors: %v", err)
	}
	var op *net.OpError
	for _, address := range []string{"127.0.0.1:1", "localhost", "127.0.0.1:no-such-service", "no-such-host.invalid:1", "127.0.0.1:70000"} {
		if _, err := inet.CreateConnection(background, address, nil); !errors.As(err, &op) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := inet.CreateConnection(background, "127.0.0.1:1", &inet.ConnectOptions{Source: netip.MustParseAddrPort("[::1]:0")}); err == nil {
		t.Error("IPv4 was reached from IPv6")
	}
	no := errors.New("no")
	prepare := func(*socket.Socket) error { return no }
	if _, err := inet.CreateConnection(background, "127.0.0.1:1", &inet.ConnectOptions{Prepare: prepare}); !errors.Is(err, no) {
		t.Errorf("%v", err)
	}
	for _, address := range []string{"localhost", "127.0.0.1:no-such-service", "no-such-host.invalid:1", "192.0.2.1:1"} {
		if _, err := inet.CreateServer(background, address, nil); !errors.As(err, &op) {
			t.Errorf("server on %s: %v", address, err)
		}
	}
	if _, err := inet.CreateServer(background, ":0", &inet.ServerOptions{Version: 4, DualStack: true}); err == nil {
		t.Error("IPv4 in two versions")
	}
	if _, err := inet.CreateServer(background, ":0", &inet.ServerOptions{Prepare: prepare}); !errors.Is(err, no) {
		t.Errorf("%v", err)
	}
}

func TestMulticast(t *testing.T) {
	sockettest.Shows(t, "UDP", sockettest.Trip, sockettest.Options)
	lo, err := loopback()
	if err != nil {
		t.Fatal(err)
	}
	group := netip.MustParseAddr("232.1.2.3")
	s, err := socket.New(inet.Family4, socket.Datagram, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Bind(inet.MustParse("0.0.0.0:0")); err != nil {
		t.Fatal(err)
	}
	source := netip.MustParseAddr("127.0.0.1")
	for _, step := range []struct {
		name string
		err  error
	}{
		{"join", inet.Join(s, group, lo)},
		{"block", inet.BlockSource(s, group, source, lo)},
		{"unblock", inet.UnblockSource(s, group, source, lo)},
		{"leave", inet.Leave(s, group, lo)},
		{"join source", inet.JoinSource(s, group, source, lo)},
	} {
		if step.err != nil {
			t.Fatalf("%s: %v", step.name, step.err)
		}
	}
	if err := inet.MulticastInterface.Set(s, [4]byte{127, 0, 0, 1}); err != nil {
		t.Fatal(err)
	}
	port := s.LocalAddr().(inet.Addr).Port()
	if _, err := s.SendTo(background, []byte("to all"), 0, inet.AddrOf(group, port)); err != nil {
		t.Fatal(err)
	}
	_ = s.SetReadDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 10)
	if n, err := s.Recv(background, buf, 0); err != nil || string(buf[:n]) != "to all" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if err := inet.LeaveSource(s, group, source, lo); err != nil {
		t.Error(err)
	}
	if err := inet.Join(s, source, lo); err == nil {
		t.Error("joined a group that is none")
	}
	six, err := socket.New(inet.Family6, socket.Datagram, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer six.Close()
	if err := inet.Join(six, netip.MustParseAddr("ff02::1234"), lo); err != nil {
		t.Error(err)
	}
}

func loopback() (int, error) {
	all, err := net.Interfaces()
	if err != nil {
		return 0, err
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 {
			return i.Index, nil
		}
	}
	return 0, errors.New("no loopback interface")
}

func ExampleCreateServer() {
	ctx := context.Background()
	l, err := inet.CreateServer(ctx, "127.0.0.1:0", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	c, err := inet.CreateConnection(ctx, l.Addr().String(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(inet.NoDelay.Set(c, true))
	// Output: <nil>
}
