package address_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/address"
)

// echoOnce serves one connection of l: it sends back what it reads.
func echoOnce(t *testing.T, l net.Listener) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = io.Copy(c, c)
			_ = c.Close()
		}
		done <- err
	}()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Errorf("echo server: %v", err)
		}
	})
}

func roundTrip(t *testing.T, c net.Conn) {
	t.Helper()
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "ping"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "ping" {
		t.Fatalf("read %q, %v", b, err)
	}
}

func TestDialListen(t *testing.T) {
	ctx := context.Background()
	texts := []string{"ws://127.0.0.1:0/room?x=1", "tcp://127.0.0.1:0", "tcp4://127.0.0.1:0", "unix://" + filepath.Join(t.TempDir(), "s")}
	if runtime.GOOS == "linux" {
		texts = append(texts, fmt.Sprintf("unix://@sealsock-test-%d", os.Getpid()))
	}
	for _, text := range texts {
		t.Run(strings.ReplaceAll(text, "/", "_"), func(t *testing.T) {
			a := address.MustParse(text)
			l, err := a.Listen(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			echoOnce(t, l)
			if a.Scheme() == "ws" {
				a = address.MustParse("ws://" + l.Addr().String() + "/room?x=1")
			}
			if strings.HasPrefix(a.Network(), "tcp") {
				a = address.MustParse(a.Scheme() + "://" + l.Addr().String())
			}
			c, err := a.Dial(ctx)
			if err != nil {
				t.Fatal(err)
			}
			roundTrip(t, c)
		})
	}
}

func TestListenReplacesStaleSocket(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "s")
	a := address.MustParse("unix://" + path)
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Listen(ctx); err == nil {
		t.Fatal("took over the path of a living listener")
	}
	old.SetUnlinkOnClose(false)
	old.Close()
	l, err := a.Listen(ctx)
	if err != nil {
		t.Fatalf("a stale socket is in the way: %v", err)
	}
	l.Close()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Listen(ctx); err == nil {
		t.Fatal("replaced a file that is no socket")
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Error("the file is gone")
	}
}

// TestListenIPv4 shows that 0.0.0.0 is IPv4 alone.
func TestListenIPv4(t *testing.T) {
	ctx := context.Background()
	l, err := address.MustParse("0.0.0.0:0").Listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if at := l.Addr().String(); !strings.HasPrefix(at, "0.0.0.0:") {
		t.Errorf("0.0.0.0:0 listens on %s", at)
	}
	p, err := address.MustParse("udp://0.0.0.0:0").ListenPacket(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if at := p.LocalAddr().String(); !strings.HasPrefix(at, "0.0.0.0:") {
		t.Errorf("udp://0.0.0.0:0 listens on %s", at)
	}
}

func TestDialErrors(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, text := range []string{"127.0.0.1:1", "unix:///nonexistent/x", "fd://991", "fd://systemd", "fd://systemd/x", "wss://a/"} {
		_, err := address.MustParse(text).Dial(ctx)
		var op *net.OpError
		if !errors.As(err, &op) {
			t.Errorf("dial %s: %v, want a *net.OpError", text, err)
		}
	}
	for _, text := range []string{"fd://991", "fd://systemd", "wss://a/"} {
		_, err := address.MustParse(text).Listen(ctx)
		var op *net.OpError
		if !errors.As(err, &op) {
			t.Errorf("listen %s: %v, want a *net.OpError", text, err)
		}
	}
}

// TestMain runs the test binary as the child process of TestInherited and
// TestStdio, which start it with sockets.
func TestMain(m *testing.M) {
	text := os.Getenv("ADDRESS_TEST_CHILD")
	if text == "" {
		os.Exit(m.Run())
	}
	if os.Getenv("LISTEN_FDS") != "" {
		os.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid())) // systemd knows it, a parent here does not
	}
	if err := child(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(text string) error {
	a, err := address.Parse(text)
	if err != nil {
		return err
	}
	l, err := a.Listen(context.Background())
	if err != nil {
		return err
	}
	c, err := l.Accept()
	if err != nil {
		return err
	}
	if _, err := io.Copy(c, c); err != nil {
		return err
	}
	if err := c.Close(); err != nil {
		return err
	}
	return l.Close()
}

func start(t *testing.T, text string, env ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), append(env, "ADDRESS_TEST_CHILD="+text)...)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestInherited(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // no descriptor inheritance by number there
	}
	for _, c := range []struct {
		text string
		env  []string
	}{
		{"fd://4", nil},
		{"fd://0", nil}, // as inetd's "wait" passes it
		{"fd://systemd", []string{"LISTEN_FDS=2"}},
		{"fd://systemd/web", []string{"LISTEN_FDS=2", "LISTEN_FDNAMES=other:web"}},
	} {
		t.Run(strings.ReplaceAll(c.text, "/", "_"), func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			f, err := l.(*net.TCPListener).File()
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			cmd := start(t, c.text, c.env...)
			cmd.Stdin, cmd.ExtraFiles = f, []*os.File{f, f}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			roundTrip(t, conn)
			if err := cmd.Wait(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestStdio(t *testing.T) {
	cmd := start(t, "stdio:")
	cmd.Stdin = strings.NewReader("over the pipe")
	out, err := cmd.Output()
	if err != nil || string(out) != "over the pipe" {
		t.Fatalf("got %q, %v", out, err)
	}
}
