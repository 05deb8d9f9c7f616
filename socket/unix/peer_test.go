//go:build linux

package unix_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/unix"
)

// connected returns both ends of a connection over a path.
func connected(t *testing.T, typ socket.Type) (client, server *socket.Socket) {
	t.Helper()
	path := unix.Path(filepath.Join(t.TempDir(), "s"))
	return sockettest.Pair(t, func() (*socket.Listener, error) { return unix.Listen(typ, path) },
		func(net.Addr) (*socket.Socket, error) { return unix.Dial(background, typ, path) })
}

func TestWaiting(t *testing.T) {
	for i, typ := range []socket.Type{socket.Stream, socket.SeqPacket} {
		sockettest.Waits(t, rows[i], func() *socket.Socket {
			a, _ := connected(t, typ)
			return a
		})
	}
	sockettest.Waits(t, rows[2], func() *socket.Socket {
		c, err := unix.ListenDatagram(unix.Abstract(""))
		if err != nil {
			t.Fatal(err)
		}
		return c.Socket
	})
}

func TestRefusals(t *testing.T) {
	for i, typ := range []socket.Type{socket.Stream, socket.SeqPacket, socket.Datagram} {
		sockettest.Refuses(t, rows[i], unix.Family, typ, 0)
	}
}

// TestPython exchanges open files and credentials with Python, over each type.
func TestPython(t *testing.T) {
	for _, row := range rows {
		sockettest.Shows(t, row, sockettest.Opinion, sockettest.Ancillary, sockettest.Options)
	}
	for i, typ := range []socket.Type{socket.Stream, socket.SeqPacket} {
		l, err := unix.Listen(typ, unix.Path(filepath.Join(t.TempDir(), "s")))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		p := sockettest.Python(t, `
import os
s = socket.socket(socket.AF_UNIX, int(arg[1]))
s.connect(arg[0])
r, w = os.pipe()
socket.send_fds(s, [b'a pipe from Python'], [w])
os.close(w)
say(os.read(r, 100).decode())
data, fds, flags, addr = socket.recv_fds(s, 100, 2)
for fd in fds: os.write(fd, data)
`, l.Addr().String(), fmt.Sprint(int(typ)))
		s, err := l.AcceptContext(sockettest.Context(t))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		c, err := unix.PeerCredentials(s)
		if err != nil || c.PID == os.Getpid() || c.UID != os.Getuid() {
			t.Errorf("%s: the peer is %+v, %v", rows[i], c, err)
		}
		buf := make([]byte, 100)
		n, files, err := s.RecvFDs(sockettest.Context(t), buf, 1)
		if err != nil || string(buf[:n]) != "a pipe from Python" || len(files) != 1 {
			t.Fatalf("%s: %q, %d files, %v", rows[i], buf[:n], len(files), err)
		}
		if _, err := files[0].WriteString("through it"); err != nil {
			t.Error(err)
		}
		_ = files[0].Close()
		if line := p.Line(); line != "through it" {
			t.Errorf("%s: Python read %q", rows[i], line)
		}
		passPipe(t, s)
		p.Wait()
	}
	pythonDatagrams(t)
}

// passPipe gives the peer the end of a pipe twice, which it writes to.
func passPipe(t *testing.T, s *socket.Socket) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := s.SendFDs(sockettest.Context(t), []byte("twice "), w, w); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != "twice twice " {
		t.Errorf("Python wrote %q, %v", got, err)
	}
}

func pythonDatagrams(t *testing.T) {
	t.Helper()
	c, err := unix.ListenDatagram(unix.Path(filepath.Join(t.TempDir(), "d")))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := socket.PassCredentials.Set(c.Socket, true); err != nil {
		t.Fatal(err)
	}
	p := sockettest.Python(t, `
import os
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('\0from-python-%d' % os.getpid())
s.sendto(b'from Python', arg[0])
data, addr = s.recvfrom(100)
say(data.decode(), addr == arg[0], os.getpid())
`, c.LocalAddr().String())
	m := socket.Message{Buffers: [][]byte{make([]byte, 100)}, Control: make([]byte, 100)}
	n, err := c.RecvMsg(sockettest.Context(t), &m, 0)
	if err != nil || string(m.Buffers[0][:n]) != "from Python" {
		t.Fatalf("%q, %v", m.Buffers[0][:n], err)
	}
	items, err := socket.ParseAncillary(m.Control[:m.ControlN])
	if err != nil || len(items) != 1 {
		t.Fatalf("%v, %v", items, err)
	}
	from := items[0].(socket.Credentials)
	if want := unix.Abstract(fmt.Sprintf("from-python-%d", from.PID)); m.Addr != want {
		t.Errorf("from %v, want %v", m.Addr, want)
	}
	if _, err := c.WriteTo([]byte("from Go"), m.Addr); err != nil {
		t.Fatal(err)
	}
	if line, want := p.Line(), fmt.Sprintf("from Go True %d", from.PID); line != want {
		t.Errorf("Python says %q, want %q", line, want)
	}
	p.Wait()
}
