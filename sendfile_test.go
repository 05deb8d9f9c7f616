package sealsock_test

import (
	"bytes"
	"crypto/fips140"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
)

// sentFile returns a file with 300,000 bytes.
func sentFile(t *testing.T) (*os.File, []byte) {
	t.Helper()
	content := bytes.Repeat([]byte("0123456789"), 30_000)
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, content
}

// shaken returns both ends of a connection over TCP whose handshake is done.
func shaken(t *testing.T, cc, sc *sealsock.Config) (c, s *sealsock.Conn) {
	t.Helper()
	c, s = unbegun(t, cc, sc)
	t.Cleanup(func() { _, _ = c.Close(), s.Close() })
	done := make(chan error, 1)
	go func() { done <- s.Handshake() }()
	if err := errors.Join(c.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	return c, s
}

// TestSendFile sends parts of a file, with and without kernel TLS asked for. Package
// test/kernel/kerneltls has the tests of the kernel.
func TestSendFile(t *testing.T) {
	for _, kernel := range []bool{false, true} {
		client, server := newConfigs(t)
		server.KernelTLS = kernel
		c, s := shaken(t, client, server)
		f, content := sentFile(t)
		size := int64(len(content))
		got := make(chan []byte, 1)
		go func() {
			all, err := io.ReadAll(c)
			if err != nil {
				t.Error(err)
			}
			got <- all
		}()
		var want []byte
		for _, part := range [][3]int64{ // offset, count, sent
			{0, -1, size}, {5, 10, 10}, {0, 0, 0}, {size - 3, 100, 3}, {size, -1, 0}, {size + 9, 1, 0},
			{1, size - 1, size - 1},
		} {
			n, err := s.SendFile(f, part[0], part[1])
			if n != part[2] || err != nil {
				t.Errorf("%v: %d, %v", part, n, err)
			}
			if n > 0 {
				want = append(want, content[part[0]:][:n]...)
			}
		}
		if at, err := f.Seek(0, io.SeekCurrent); at != 0 || err != nil {
			t.Errorf("the position of the file is %d, %v", at, err)
		}
		if _, err := f.Seek(7, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		limited := &io.LimitedReader{R: f, N: 1000}
		if n, err := s.ReadFrom(limited); n != 1000 || err != nil || limited.N != 0 {
			t.Errorf("ReadFrom a part of a file: %d, %v; %d are left", n, err, limited.N)
		}
		if n, err := s.ReadFrom(f); n != size-1007 || err != nil {
			t.Errorf("ReadFrom a file: %d, %v", n, err)
		}
		want = append(want, content[7:]...)
		if err := s.CloseWrite(); err != nil {
			t.Error(err)
		}
		if all := <-got; !bytes.Equal(all, want) {
			t.Errorf("%d other bytes came than %d that were sent", len(all), len(want))
		}
		if n, err := s.SendFile(f, 0, 1); n != 0 || err == nil {
			t.Errorf("behind the end: %d, %v", n, err)
		}
	}
}

// TestSendFileRefuses: arguments that cannot be meant are errors, and change nothing.
func TestSendFileRefuses(t *testing.T) {
	client, server := newConfigs(t)
	server.KernelTLS = true
	c, s := shaken(t, client, server)
	f, _ := sentFile(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	closed, _ := sentFile(t)
	_ = closed.Close()
	for name, call := range map[string]func() (int64, error){
		"offset":         func() (int64, error) { return s.SendFile(f, -1, -1) },
		"pipe at offset": func() (int64, error) { return s.SendFile(r, 1, -1) },
		"no file":        func() (int64, error) { return s.SendFile(nil, 0, -1) },
		"closed file":    func() (int64, error) { return s.SendFile(closed, 0, -1) },
	} {
		if n, err := call(); n != 0 || err == nil {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	go func() {
		_, _ = w.WriteString("from a pipe")
		_ = w.Close()
	}()
	if n, err := s.SendFile(r, 0, 6); n != 6 || err != nil {
		t.Errorf("a part of a pipe: %d, %v", n, err)
	}
	if n, err := s.SendFile(r, 0, -1); n != 5 || err != nil {
		t.Errorf("the rest of a pipe: %d, %v", n, err)
	}
	got := make([]byte, 11)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "from a pipe" {
		t.Errorf("%q came, %v", got, err)
	}
	_ = s.SetWriteDeadline(time.Now().Add(-time.Second))
	if n, err := s.SendFile(f, 0, -1); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("behind the deadline: %d, %v", n, err)
	}
}

// TestKernelTLSConfig: what the kernel cannot do is refused beside it, and each reason is told.
func TestKernelTLSConfig(t *testing.T) {
	client, server := newConfigs(t)
	client.Padding = func(int) int { return 1 }
	client.KernelTLS = true
	var e *engine.Error
	if _, err := sealsock.ClientEngine(client); !errors.As(err, &e) || e.Fault != engine.FaultUsage ||
		!strings.Contains(e.Reason, "Padding") {
		t.Errorf("with padding: %v", err)
	}
	client.Padding = nil
	c, s := shaken(t, client, server)
	if on, why := s.KernelTLS(); on || why == nil || !strings.Contains(why.Error(), "not set") {
		t.Errorf("not asked for: %v, %v", on, why)
	}
	if on, why := c.KernelTLS(); on || why == nil || !strings.Contains(why.Error(), "first SendFile") {
		t.Errorf("before the first file: %v, %v", on, why)
	}
	f, content := sentFile(t)
	go func() { _, _ = io.Copy(io.Discard, s) }()
	if n, err := c.SendFile(f, 0, -1); n != int64(len(content)) || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	on, why := c.KernelTLS()
	if on != (why == nil) || on && runtime.GOOS != "linux" {
		t.Errorf("behind a file: %v, %v", on, why)
	}
}

// TestKernelTLSInFIPSMode: the kernel, which is no part of Go's module, is given no key in FIPS 140
// mode. The test runs itself in that mode.
func TestKernelTLSInFIPSMode(t *testing.T) {
	if !fips140.Enabled() {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKernelTLSInFIPSMode$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140=on")
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: TestKernelTLSInFIPSMode")) {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	client, server := newConfigs(t)
	client.KernelTLS = true
	c, s := shaken(t, client, server)
	f, content := sentFile(t)
	go func() { _, _ = io.Copy(io.Discard, s) }()
	if n, err := c.SendFile(f, 0, -1); n != int64(len(content)) || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if on, why := c.KernelTLS(); on || why == nil || !strings.Contains(why.Error(), "FIPS 140") {
		t.Errorf("KernelTLS: %v, %v", on, why)
	}
}

// A stuckConn is a connection whose writes wait, once it is armed, for a peer that takes nothing.
type stuckConn struct {
	net.Conn
	armed   atomic.Bool
	entered chan struct{}
	release chan struct{}
}

func (c *stuckConn) Write(p []byte) (int, error) {
	if c.armed.CompareAndSwap(true, false) {
		close(c.entered)
		<-c.release
	}
	return c.Conn.Write(p)
}

// TestKernelTLSDoesNotWait: KernelTLS answers while a SendFile waits for its peer.
func TestKernelTLSDoesNotWait(t *testing.T) {
	client, server := newConfigs(t)
	client.KernelTLS = true
	a, b := net.Pipe()
	stuck := &stuckConn{Conn: a, entered: make(chan struct{}), release: make(chan struct{})}
	c, err := sealsock.Client(stuck, client)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sealsock.Server(b, server)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	defer s.Close()
	go func() { _, _ = io.Copy(io.Discard, s) }()
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	f, _ := sentFile(t)
	sent := make(chan error, 1)
	stuck.armed.Store(true)
	go func() { _, err := c.SendFile(f, 0, -1); sent <- err }()
	<-stuck.entered
	answer := make(chan error, 1)
	go func() { _, why := c.KernelTLS(); answer <- why }()
	select {
	case why := <-answer:
		if why == nil || !strings.Contains(why.Error(), "kernel TLS") {
			t.Errorf("the reason is %v", why)
		}
	case <-time.After(20 * time.Second):
		t.Error("KernelTLS waits for the peer")
	}
	close(stuck.release)
	if err := <-sent; err != nil {
		t.Error(err)
	}
}
