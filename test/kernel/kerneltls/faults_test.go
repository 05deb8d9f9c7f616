//go:build linux

package kerneltls

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock"
)

// TestFileWithoutSize sends a file that has more than its size tells, as those of /proc do.
func TestFileWithoutSize(t *testing.T) {
	const name = "/proc/version"
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	client, server := configs(t)
	transports[0].set(client)
	server.KernelTLS = true
	c, s := pair(t, client, server)
	if n, err := s.SendFile(f, 0, -1); n != int64(len(want)) || err != nil {
		t.Errorf("%d bytes of %d were sent, %v", n, len(want), err)
	}
	checkKernel(t, s)
	if n, err := s.SendFile(f, 3, 5); n != 5 || err != nil {
		t.Errorf("%d bytes of 5 were sent, %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, append(want, want[3:8]...)) {
		t.Errorf("%q came, %v", got, err)
	}
}

// TestFileAtFault: a file that cannot be read ends SendFile and not the connection.
func TestFileAtFault(t *testing.T) {
	content := random(50_000)
	good := fileOf(t, content)
	bad, err := os.OpenFile(good.Name(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer bad.Close()
	client, server := configs(t)
	transports[0].set(client)
	server.KernelTLS = true
	c, s := pair(t, client, server)
	for range 2 {
		if n, err := s.SendFile(bad, 0, -1); n != 0 || err == nil {
			t.Errorf("a file that cannot be read: %d bytes, %v", n, err)
		}
		if n, err := s.SendFile(good, 0, -1); n != int64(len(content)) || err != nil {
			t.Errorf("the next file: %d bytes, %v", n, err)
		}
	}
	checkKernel(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, append(content, content...)) {
		t.Errorf("%d bytes came, %v", len(got), err)
	}
}

// narrowPair returns both ends of a connection of TLS 1.2 whose buffers are smaller than a record,
// so that the kernel has records of which TCP has taken a part.
func narrowPair(t *testing.T) (c, s *sealsock.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := net.Dialer{Control: func(_, _ string, rc syscall.RawConn) (err error) {
		return errors.Join(rc.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 2048)
		}), err)
	}}
	a, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	client, server := configs(t)
	transports[2].set(client)
	server.KernelTLS = true
	c, s = over(t, a, b, client, server)
	if err := b.(*net.TCPConn).SetWriteBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	return c, s
}

// sendMuch sends until the peer, which takes nothing, is behind the deadline, and returns what was
// sent.
func sendMuch(t *testing.T, s *sealsock.Conn) (sent []byte, on bool) {
	t.Helper()
	content := random(1 << 20)
	_ = s.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	n, err := s.SendFile(fileOf(t, content), 0, -1)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	on = checkKernel(t, s)
	_ = s.SetWriteDeadline(soon())
	return content[:n], on
}

// TestCloseAfterReset: Close does not wait for a peer that has reset the connection, and tells that
// the kernel has lost something, also if Read has found the reset.
func TestCloseAfterReset(t *testing.T) {
	c, s := narrowPair(t)
	_, on := sendMuch(t, s)
	_ = c.NetConn().Close() // with unread bytes, which is a reset
	if _, err := s.Read(make([]byte, 1)); err == nil {
		t.Error("Read does not find the reset")
	}
	err := s.Close()
	if on && err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Close returned %v", err)
	}
}

// TestCloseAfterTruncation: a peer that has ended its direction without close_notify, which is an
// error here, still receives what the kernel has.
func TestCloseAfterTruncation(t *testing.T) {
	c, s := narrowPair(t)
	sent, on := sendMuch(t, s)
	if err := c.NetConn().(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the end is %v", err)
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	time.Sleep(500 * time.Millisecond)
	got, _ := io.ReadAll(c) // it ends without close_notify
	if err := <-closed; err != nil || on && !bytes.Equal(got, sent) {
		t.Errorf("Close: %v; %d bytes came of %d", err, len(got), len(sent))
	}
}
