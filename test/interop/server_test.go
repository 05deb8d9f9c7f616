package interop

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/freeport"
)

// startServer starts a program as a server and returns its port. It may not
// listen yet: connect waits for that.
func startServer(t *testing.T, p *program, s *scenario, ends bool) (*process, int) {
	t.Helper()
	port := 0
	c := p.server(s, 0)
	if !c.announces {
		port = freeport.Pick(t)
		c = p.server(s, port)
	}
	proc := start(t, c)
	if c.announces {
		var err error
		if port, err = proc.announced(); err != nil {
			t.Fatal(err)
		}
	}
	if c.loop {
		go proc.loop(c, ends || c.ends)
	}
	return proc, port
}

// relay listens immediately and forwards one connection to a server that is
// still starting, for clients that do not retry. bound limits the whole.
func relay(t *testing.T, port int, bound time.Duration) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	t.Cleanup(func() {
		cancel()
		l.Close()
	})
	go func() {
		near, err := l.Accept()
		if err != nil {
			return
		}
		defer near.Close()
		far, err := connect(ctx, port)
		if err != nil {
			return
		}
		defer far.Close()
		context.AfterFunc(ctx, func() { near.Close(); far.Close() })
		done := make(chan struct{})
		go func() {
			pass(far, near)
			close(done)
		}()
		pass(near, far)
		<-done
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// pass copies one direction, including its end.
func pass(to, from net.Conn) {
	io.Copy(to, from)
	to.(*net.TCPConn).CloseWrite()
}
