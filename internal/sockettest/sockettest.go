// Package sockettest contains helpers for the tests of the socket families:
// skipping if the kernel lacks a family, round trips, and peers written in
// Python.
//
// The tests of a family run twice: directly, where they skip what the running
// kernel lacks, and in the virtual machine of test/kernel, where only the skips
// of a list in the repository are permitted.
package sockettest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/sealsock/sealsock/socket"
)

// patience bounds each wait of a test, also in a virtual machine.
const patience = 30 * time.Second

// InVM reports whether the tests run in the virtual machine of test/kernel.
func InVM() bool { return os.Getenv("SEALSOCK_VM") != "" }

// Need ends the test if err is not nil: it skips it if the kernel lacks the
// family or this process lacks the privilege, and fails it otherwise.
func Need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EPERM) && !InVM(), errors.Is(err, syscall.EACCES) && !InVM():
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// Interface returns a network interface, and skips the test where there is none
// of that name.
func Interface(t testing.TB, name string) *net.Interface {
	t.Helper()
	i, err := net.InterfaceByName(name)
	if err != nil {
		t.Skipf("no interface %s here", name)
	}
	return i
}

// Context returns a context that ends with the test or after patience.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// RoundTrip sends a message from a to b and a reply in the other direction.
func RoundTrip(t testing.TB, a, b net.Conn) {
	t.Helper()
	_, _ = a.SetDeadline(time.Now().Add(patience)), b.SetDeadline(time.Now().Add(patience))
	for _, d := range []struct {
		from, to net.Conn
		text     string
	}{{a, b, "there"}, {b, a, "and back again"}} {
		if _, err := io.WriteString(d.from, d.text); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		n, err := d.to.Read(buf)
		if err != nil || string(buf[:n]) != d.text {
			t.Fatalf("received %q, %v, want %q", buf[:n], err, d.text)
		}
	}
	_, _ = a.SetDeadline(time.Time{}), b.SetDeadline(time.Time{})
}

// Pair listens, connects and accepts. It calls listen first and passes the
// address of the listener to dial. Both ends are closed at the end of the test.
func Pair(t testing.TB, listen func() (*socket.Listener, error), dial func(net.Addr) (*socket.Socket, error)) (client, server *socket.Socket) {
	t.Helper()
	client, server, err := connect(t, listen, dial)
	if err != nil {
		Need(t, err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

// Conn runs nettest's conformance test for net.Conn over a stream family.
func Conn(t *testing.T, listen func() (*socket.Listener, error), dial func(net.Addr) (*socket.Socket, error)) {
	t.Helper()
	a, b, err := connect(t, listen, dial)
	if err != nil {
		Need(t, err)
	}
	_, _ = a.Close(), b.Close()
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		a, b, err := connect(t, listen, dial)
		if err != nil {
			return nil, nil, nil, err
		}
		// Concurrently, because closing waits for the peer in some families.
		return a, b, func() {
			var both sync.WaitGroup
			both.Go(func() { _ = a.Close() })
			both.Go(func() { _ = b.Close() })
			both.Wait()
		}, nil
	})
}

func connect(t testing.TB, listen func() (*socket.Listener, error), dial func(net.Addr) (*socket.Socket, error)) (client, server *socket.Socket, err error) {
	l, err := listen()
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	// In some families Connect returns only after the other side accepts.
	type accepted struct {
		s   *socket.Socket
		err error
	}
	done := make(chan accepted, 1)
	go func() {
		s, err := l.AcceptContext(Context(t))
		done <- accepted{s, err}
	}()
	client, err = dial(l.Addr())
	if err != nil {
		_ = l.Close()
		<-done
		return nil, nil, err
	}
	a := <-done
	if a.err != nil {
		_ = client.Close()
		return nil, nil, a.err
	}
	return client, a.s, nil
}

// A Peer is a running program that talks to a test.
type Peer struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr bytes.Buffer
}

// prelude is prepended to every Python script.
const prelude = `
import socket, struct, sys
def say(*words): print(*words, flush=True)
socket.setdefaulttimeout(30)
arg = sys.argv[1:]
`

// Python starts a script for Python's socket module. The arguments are in arg,
// and the function say prints a line for Line. If Python is missing, the test
// is skipped, or fails if SEALSOCK_PEERS is "require".
func Python(t testing.TB, script string, args ...string) *Peer {
	t.Helper()
	return Start(t, "python3", append([]string{"-S", "-c", prelude + script}, args...)...)
}

// Start starts a program that the test needs as its peer.
func Start(t testing.TB, program string, args ...string) *Peer {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("SEALSOCK_PEERS") == "require" && runtime.GOOS == "linux" {
			t.Fatalf("no %s on this machine", program)
		}
		t.Skipf("no %s on this machine", program)
	}
	p := &Peer{t: t, cmd: exec.Command(path, args...)}
	p.cmd.Stderr = &p.stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
		if t.Failed() && p.stderr.Len() > 0 {
			t.Logf("%s said:\n%s", program, p.stderr.String())
		}
	})
	return p
}

// Say sends the peer a line.
func (p *Peer) Say(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

// Line returns the next line that the peer prints.
func (p *Peer) Line() string {
	p.t.Helper()
	timer := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		_ = p.cmd.Wait()
		p.t.Fatalf("the peer ended: %v\n%s", err, p.stderr.String())
	}
	return strings.TrimSuffix(line, "\n")
}

// Wait waits for the peer to exit and fails the test unless it succeeded.
func (p *Peer) Wait() {
	p.t.Helper()
	_ = p.stdin.Close()
	timer := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_, _ = io.Copy(io.Discard, p.stdout)
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("the peer failed: %v\n%s", err, p.stderr.String())
	}
}

// Stop ends the peer.
func (p *Peer) Stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}
