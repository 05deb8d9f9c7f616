package sealsock_test

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	_ "github.com/sealsock/sealsock/address/all"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// echoPackets listens on an address of datagrams, sends each message back, and returns the
// address to dial.
func echoPackets(t *testing.T, addr string, cfg *sealsock.Config) string {
	t.Helper()
	l, err := sealsock.Listen(t.Context(), addr, cfg)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var busy sync.WaitGroup
	t.Cleanup(func() { l.Close(); busy.Wait() })
	busy.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			busy.Go(func() {
				defer c.Close()
				io.Copy(c, c)
			})
		}
	})
	scheme, _, _ := strings.Cut(addr, "://")
	return scheme + "://" + l.Addr().String()
}

// ask sends a message until its echo arrives: datagrams may be lost.
func ask(t *testing.T, c *sealsock.Conn, message string) {
	t.Helper()
	buf := make([]byte, 20000)
	for range 50 {
		if _, err := c.Write([]byte(message)); err != nil {
			t.Fatal(err)
		}
		for {
			c.SetReadDeadline(time.Now().Add(2 * time.Second))
			n, err := c.Read(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(buf[:n]) == message {
				return
			}
		}
	}
	t.Fatalf("no answer to %q", message)
}

// TestPackets seals datagrams of each family in both versions.
func TestPackets(t *testing.T) {
	addrs := []string{"udp://127.0.0.1:0", "udplite://127.0.0.1:0", "udp6://[::1]:0"}
	if runtime.GOOS != "windows" {
		addrs = append(addrs, "unixgram://"+filepath.Join(t.TempDir(), "s"))
	}
	for _, addr := range addrs {
		for _, v := range []iana.Version{iana.TLS13, iana.TLS12} {
			t.Run(addr+" "+v.String(), func(t *testing.T) {
				client, server := newConfigs(t)
				client.MinVersion, client.MaxVersion = v, v
				to := echoPackets(t, addr, server)
				var all sync.WaitGroup
				for range 3 {
					all.Go(func() {
						c, err := sealsock.Dial(t.Context(), to, client)
						if err != nil {
							t.Error(err)
							return
						}
						defer c.Close()
						if s := c.State(); s.Version != v || c.Peer() == nil {
							t.Errorf("the state is %+v", s)
						}
						ask(t, c, "hello")
						ask(t, c, "a second message")
					})
				}
				all.Wait()
			})
		}
	}
}

// TestPacketBoundaries: a message too large for a datagram is an error that names the limit, one
// too large for the buffer is kept, and neither ends the connection.
func TestPacketBoundaries(t *testing.T) {
	client, server := newConfigs(t)
	client.MTU, server.MTU = 1000, 1000
	c, err := sealsock.Dial(t.Context(), echoPackets(t, "udp://127.0.0.1:0", server), client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var e *engine.Error
	_, err = c.Write(make([]byte, 1000))
	if !errors.As(err, &e) || e.Fault != engine.FaultUsage || !strings.Contains(e.Error(), "at most") {
		t.Errorf("a message of 1000 bytes with an MTU of 1000: %v", err)
	}
	if n, err := c.Write(make([]byte, 900)); n != 900 || err != nil {
		t.Fatalf("a message of 900 bytes: %d, %v", n, err)
	}
	if n, err := c.Read(make([]byte, 899)); n != 0 || !errors.Is(err, io.ErrShortBuffer) {
		t.Errorf("a buffer of 899 bytes: %d, %v", n, err)
	}
	if n, err := c.Read(make([]byte, 2000)); n != 900 || err != nil {
		t.Errorf("a message of 900 bytes was read as %d, %v", n, err)
	}
	ask(t, c, "still open")
}

// TestPacketsUnreachable: the system's report that nothing listens ends a handshake with a hint.
func TestPacketsUnreachable(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems do not report it on a socket")
	}
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	client, _ := newConfigs(t)
	_, err = sealsock.Dial(t.Context(), "udp://"+free.LocalAddr().String(), client)
	var e *engine.Error
	if !errors.As(err, &e) || e.Fault != engine.FaultTransport || !strings.Contains(e.Hint, "port") {
		t.Errorf("the error is %v", err)
	}
}

// TestPacketClose: close_notify ends the peer's Read in io.EOF, and Close this side's.
func TestPacketClose(t *testing.T) {
	client, server := newConfigs(t)
	l, err := sealsock.Listen(t.Context(), "udp://127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan *sealsock.Conn, 1)
	go func() {
		s, _ := l.AcceptConn(t.Context())
		accepted <- s
	}()
	c, err := sealsock.Dial(t.Context(), "udp://"+l.Addr().String(), client)
	if err != nil {
		t.Fatal(err)
	}
	s := <-accepted
	// The Listener may end before its connections.
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 10)); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(make([]byte, 10)); err != io.EOF {
		t.Errorf("after the peer's Close: %v", err)
	}
	waiting := make(chan error, 1)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	go func() {
		_, err := s.Read(make([]byte, 10))
		waiting <- err
	}()
	if err := <-waiting; !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := s.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a second Close: %v", err)
	}
}

// TestPacketResumption: sessions are resumed over datagrams as over streams.
func TestPacketResumption(t *testing.T) {
	client, server := newConfigs(t)
	client.Sessions = sealsock.NewMemoryCache(10)
	to := echoPackets(t, "udp://127.0.0.1:0", server)
	for i := range 2 {
		c, err := sealsock.Dial(t.Context(), to, client)
		if err != nil {
			t.Fatal(err)
		}
		ask(t, c, "hello")
		if got := c.State().Resumed; got != (i == 1) {
			t.Errorf("connection %d: resumed is %v", i, got)
		}
		c.Close()
	}
}

// TestPacketLateCertificate: a server asks for the client's certificate on an open connection.
func TestPacketLateCertificate(t *testing.T) {
	for _, declined := range []bool{false, true} {
		client, server := newConfigs(t)
		server.Trust, client.PostHandshakeAuth = client.Trust, true
		if client.Identities = server.Identities; declined {
			client.Identities = nil
		}
		l, err := sealsock.Listen(t.Context(), "udp://127.0.0.1:0", server)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		asked := make(chan error, 1)
		var s *sealsock.Conn
		go func() {
			var err error
			if s, err = l.AcceptConn(t.Context()); err == nil {
				err = s.RequestClientCertificate(t.Context())
			}
			asked <- err
		}()
		c, err := sealsock.Dial(t.Context(), "udp://"+l.Addr().String(), client)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := <-asked; err != nil {
			t.Fatal(err)
		}
		if (s.Peer() == nil) != declined || (s.State().PeerChain == nil) != declined {
			t.Errorf("declined %v: the peer is %v", declined, s.Peer())
		}
		s.Close()
		if err := s.RequestClientCertificate(t.Context()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("on a closed connection: %v", err)
		}
	}
}
