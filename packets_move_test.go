package sealsock_test

import (
	"net"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/nattest"
)

// echoTo listens, and returns the address and the first connection, whose messages are sent back.
func echoTo(t *testing.T, cfg *sealsock.Config) (addr string, accepted <-chan *sealsock.Conn) {
	t.Helper()
	l, err := sealsock.Listen(t.Context(), "udp://127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan *sealsock.Conn, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.AcceptConn(t.Context())
		if err != nil {
			return
		}
		conns <- c
		buf := make([]byte, 2000)
		for {
			size, err := c.Read(buf)
			if err != nil {
				return
			}
			if _, err := c.Write(buf[:size]); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		l.Close()
		select {
		case c := <-conns:
			c.Close()
		default:
		}
		<-done
	})
	return l.Addr().String(), conns
}

// TestPacketsMove: with the settings of the zero Config a connection continues when the address
// of the client changes, again and again, and what is repeated from elsewhere moves nothing.
func TestPacketsMove(t *testing.T) {
	for _, v := range []iana.Version{iana.TLS13, iana.TLS12} {
		for _, id := range []int{0, 4} { // without a connection ID of the client, and with one
			t.Run(v.String(), func(t *testing.T) {
				client, server := newConfigs(t)
				client.MinVersion, client.MaxVersion = v, v
				client.ConnectionIDLength = id
				to, accepted := echoTo(t, server)
				n := nattest.New(t, to)
				c, err := sealsock.Dial(t.Context(), "udp://"+n.Address().String(), client)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				ask(t, c, "hello")
				s := <-accepted
				defer s.Close()
				if d := s.State().Datagram; d == nil || len(d.ConnectionID) != 8 || !d.PathChecks {
					t.Fatalf("the state is %+v", d)
				}
				for range 3 {
					n.Rebind()
					followed(t, c, s, n.Outside())
					ask(t, c, "from a new address")
				}
				repeated(t, to, n, c, s)
			})
		}
	}
}

// followed sends messages until the server has followed the client to an address.
func followed(t *testing.T, c, s *sealsock.Conn, address string) {
	t.Helper()
	for try := 0; s.RemoteAddr().String() != address; try++ {
		if try == 60_000 {
			t.Fatalf("the client is at %v for the server, expected %s", s.RemoteAddr(), address)
		}
		if try%500 == 0 { // a challenge may be lost
			if _, err := c.Write([]byte("I have moved")); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// repeated sends everything once more from another socket.
func repeated(t *testing.T, server string, n *nattest.NAT, c, s *sealsock.Conn) {
	other, err := net.Dial("udp", server)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, d := range n.Sent() {
		if d[0] == 22 {
			continue // in the clear: a ClientHello is answered with a cookie
		}
		if _, err := other.Write(d); err != nil {
			t.Fatal(err)
		}
	}
	ask(t, c, "still here")
	if got, want := s.RemoteAddr().String(), n.Outside(); got != want {
		t.Errorf("the client is at %s for the server, expected %s", got, want)
	}
	// The Listener answers before it reads the next datagram.
	other.SetReadDeadline(time.Now().Add(time.Millisecond))
	if size, err := other.Read(make([]byte, 2000)); err == nil {
		t.Errorf("%d bytes were sent to a forger", size)
	}
}

// TestPacketsStay: a Listener without connection IDs hears nothing from a new address, and a new
// handshake from there is another connection.
func TestPacketsStay(t *testing.T) {
	client, server := newConfigs(t)
	server.ConnectionIDLength = -1
	to, accepted := echoTo(t, server)
	n := nattest.New(t, to)
	c, err := sealsock.Dial(t.Context(), "udp://"+n.Address().String(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask(t, c, "hello")
	s := <-accepted
	defer s.Close()
	before := s.RemoteAddr().String()
	n.Rebind()
	if _, err := c.Write([]byte("lost")); err != nil {
		t.Fatal(err)
	}
	if d := s.State().Datagram; d.ConnectionID != nil || s.RemoteAddr().String() != before {
		t.Errorf("the client is at %v", s.RemoteAddr())
	}
}
