package tunnel_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/sealsock/sealsock/tunnel"
)

// TestEndsWhenOneSideIsGone: a connection ends some seconds after one of its sides has closed in
// order, also if the other side sends without an end.
func TestEndsWhenOneSideIsGone(t *testing.T) {
	for _, leaves := range []string{"client", "backend"} {
		t.Run(leaves, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			s := b.start(serverTunnel(l.Addr().String(), ""))
			client, err := tls.Dial("tcp", s.Addrs("t")[0].String(), b.tls())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			backend, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer backend.Close()
			stays, gone := net.Conn(client), backend
			if leaves == "client" {
				stays, gone = backend, client
			}
			io.WriteString(stays, "x")
			if _, err := io.ReadFull(gone, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			gone.Close()
			sendsWithoutEnd(t, stays)
			ends(t, s)
		})
	}
}

// sendsWithoutEnd fails unless sending fails.
func sendsWithoutEnd(t *testing.T, c net.Conn) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		c.SetWriteDeadline(end)
		if _, err := io.WriteString(c, "x"); err != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("what is sent is taken without end")
}

// ends waits until s forwards nothing.
func ends(t *testing.T, s *tunnel.Server) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); s.Active() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the connection does not end")
		}
	}
}
