//go:build linux || darwin || freebsd

package unix_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/unix"
)

var background = context.Background()

// rows are the types in the table of docs/sockets.md.
var rows = []string{"UNIX stream", "UNIX seqpacket", "UNIX datagram"}

func TestAddr(t *testing.T) {
	for _, row := range rows {
		sockettest.Shows(t, row, sockettest.Addresses)
	}
	for _, a := range []unix.Addr{unix.Path("/run/x"), unix.Path("\xff\xfe not UTF-8"), unix.Abstract("name"), unix.Abstract("a\x00b")} {
		if a.Abstract && runtime.GOOS != "linux" {
			continue
		}
		raw, err := a.AppendSockaddr(nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := unix.Family.Decode(raw); b != a || err != nil {
			t.Errorf("%v came back as %v, %v", a, b, err)
		}
	}
	for _, a := range []unix.Addr{{}, unix.Path(strings.Repeat("x", 108)), unix.Path("a\x00b"), unix.Abstract(strings.Repeat("x", 108))} {
		if _, err := a.AppendSockaddr(nil); err == nil {
			t.Errorf("%q has a struct sockaddr", a)
		}
	}
	if a, err := unix.Family.Convert(&net.UnixAddr{Name: "/x"}); a != unix.Path("/x") || err != nil {
		t.Errorf("%v, %v", a, err)
	}
	if _, err := unix.Family.Convert(&net.UDPAddr{}); err == nil {
		t.Error("a UDP address is a path")
	}
}

func FuzzDecode(f *testing.F) {
	raw, _ := unix.Path("/run/x").AppendSockaddr(nil)
	f.Add(raw)
	f.Add([]byte("\x01\x00\x00abstract"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := unix.Family.Decode(raw); err != nil && len(raw) >= 2 && (len(raw) != 3 || raw[2] != 0) {
			t.Fatal(err)
		}
	})
}

func addresses(t *testing.T) []unix.Addr {
	all := []unix.Addr{unix.Path(filepath.Join(t.TempDir(), "s"))}
	if runtime.GOOS == "linux" {
		all = append(all, unix.Abstract(fmt.Sprintf("sealsock-test-%s-%d", t.Name(), os.Getpid())), unix.Abstract(""))
	}
	return all
}

func TestConnections(t *testing.T) {
	for _, row := range rows[:2] {
		sockettest.Shows(t, row, sockettest.Trip)
	}
	types := []socket.Type{socket.Stream}
	if runtime.GOOS != "darwin" {
		types = append(types, socket.SeqPacket)
	}
	for _, typ := range types {
		for _, a := range addresses(t) {
			l, err := unix.Listen(typ, a)
			if err != nil {
				t.Fatal(err)
			}
			c, err := unix.Dial(background, typ, l.Addr().(unix.Addr))
			if err != nil {
				t.Fatal(err)
			}
			s, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Write([]byte("ping")); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 10)
			if n, err := s.Read(buf); err != nil || string(buf[:n]) != "ping" {
				t.Errorf("%q, %v", buf[:n], err)
			}
			if c.RemoteAddr() != l.Addr() || s.LocalAddr() != l.Addr() {
				t.Errorf("addresses %v and %v, want %v", c.RemoteAddr(), s.LocalAddr(), l.Addr())
			}
			_, _, _ = c.Close(), s.Close(), l.Close()
			if err := a.Unlink(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestDatagrams(t *testing.T) {
	sockettest.Shows(t, "UNIX datagram", sockettest.Trip)
	for _, a := range addresses(t) {
		p, err := unix.ListenDatagram(a)
		if err != nil {
			t.Fatal(err)
		}
		c, err := unix.Dial(background, socket.Datagram, p.LocalAddr().(unix.Addr))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 10)
		if n, _, err := p.ReadFrom(buf); err != nil || string(buf[:n]) != "ping" {
			t.Errorf("%q, %v", buf[:n], err)
		}
		_, _ = c.Close(), p.Close()
		_ = a.Unlink()
	}
}

func TestErrors(t *testing.T) {
	for _, row := range rows {
		sockettest.Shows(t, row, sockettest.BadInput)
	}
	gone := unix.Path(filepath.Join(t.TempDir(), "gone"))
	if _, err := unix.Dial(background, socket.Stream, gone); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("dial: %v", err)
	}
	if _, err := unix.Listen(socket.Datagram, gone); err == nil {
		t.Error("a datagram socket listens")
	}
	if _, err := unix.Listen(socket.Stream, unix.Path("")); err == nil {
		t.Error("listens on nothing")
	}
	if _, err := unix.ListenDatagram(unix.Path(strings.Repeat("x", 500))); err == nil || !strings.Contains(err.Error(), "500 bytes") {
		t.Errorf("a long path: %v", err)
	}
	if _, err := unix.Dial(background, socket.Type(77), gone); err == nil {
		t.Error("a socket of type 77")
	}
}

func ExamplePair() {
	a, b, err := unix.Pair(socket.Stream)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer a.Close()
	defer b.Close()
	if _, err := a.Write([]byte("through the kernel and back")); err != nil {
		fmt.Println(err)
		return
	}
	buf := make([]byte, 100)
	n, err := b.Read(buf)
	fmt.Println(string(buf[:n]), err)
	// Output: through the kernel and back <nil>
}
