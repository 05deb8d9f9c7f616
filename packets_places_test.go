package sealsock_test

import (
	"bytes"
	"net"
	"sync/atomic"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// A crowd is a socket on which forged ClientHellos arrive between two events of a client: after
// the server's flight to it, and before what the client sends next, which waits until the server
// has answered another client behind them.
type crowd struct {
	net.PacketConn
	forge           func(i int) []byte
	most, i         int
	client, another string // addresses
	begun, behind   atomic.Bool
	over            chan struct{}
	held            [][]byte
	from            net.Addr
}

// ReadFrom implements net.PacketConn.
func (f *crowd) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		switch {
		case f.begun.Load() && f.i < f.most:
			f.i++
			return copy(p, f.forge(f.i)), forged(f.i), nil
		case f.i == f.most:
			f.i++
			close(f.over)
		case f.behind.Load() && len(f.held) > 0:
			n := copy(p, f.held[0])
			f.held = f.held[1:]
			return n, f.from, nil
		}
		n, from, err := f.PacketConn.ReadFrom(p)
		if err != nil || from.String() != f.client || !f.begun.Load() || f.behind.Load() {
			return n, from, err
		}
		f.held, f.from = append(f.held, bytes.Clone(p[:n])), from
	}
}

// helloRetry begins the random of a HelloRetryRequest (RFC 9846, Section 4.1.3), which is sent to
// a client before there is a handshake.
var helloRetry = []byte{0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11}

// WriteTo implements net.PacketConn. What is for a forged address gets lost.
func (f *crowd) WriteTo(p []byte, to net.Addr) (int, error) {
	if at, ok := to.(*net.UDPAddr); ok && at.IP.To4() != nil && at.IP.To4()[0] == 198 {
		return len(p), nil
	}
	if !bytes.Contains(p, helloRetry) {
		switch to.String() {
		case f.client:
			f.begun.Store(true)
		case f.another:
			f.behind.Store(true)
		}
	}
	return f.PacketConn.WriteTo(p, to)
}

// TestPacketFewPlaces: forged ClientHellos with 0-RTT data, which begin handshakes without a proof
// of the address, leave room for a client that proves its own.
func TestPacketFewPlaces(t *testing.T) {
	client, server := earlyPackets(t)
	client.Groups, server.Groups = []iana.NamedGroup{iana.X25519}, []iana.NamedGroup{iana.X25519}
	server.Tickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
	client.Sessions, client.ServerName = nil, "localhost"
	var session *engine.Session
	client.OnSession = func(s *engine.Session) { session = s }
	addr, all := hearPackets(t, server)
	first, err := sealsock.Dial(t.Context(), addr, client)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Write([]byte("first")); err != nil {
		t.Fatal(err)
	}
	<-all
	first.Read(make([]byte, 10)) // and the ticket before that
	first.Close()
	if session == nil {
		t.Fatal("no session")
	}
	again := *client
	again.Session = session
	hello := firstHello(t, &again)
	inner, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &crowd{PacketConn: inner, most: 100, over: make(chan struct{})}
	f.forge = func(i int) []byte {
		d := bytes.Clone(hello)
		d[30], d[31] = byte(i), byte(i>>8) // of the random
		return d
	}
	few, ends := *server, make(chan error, 10)
	few.MaxHandshakes = 10
	few.OnHandshakeError = func(peer net.Addr, err error) {
		if peer.String() == f.client {
			ends <- err
		}
	}
	l, err := sealsock.NewPacketListener(f, &few)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	open := &sealsock.Config{
		Trust: client.Trust, ServerName: client.ServerName, Groups: client.Groups,
	}
	c, another := packetClient(t, inner, open), packetClient(t, inner, open)
	f.client, f.another = c.LocalAddr().String(), another.LocalAddr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if c.RemoteAddr().String() == f.client {
				ends <- nil
			}
		}
	}()
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	<-f.over
	if err := another.Handshake(); err != nil {
		t.Errorf("behind the forged hellos: %v", err)
	}
	if err := <-ends; err != nil {
		t.Error(err)
	}
}

// packetClient returns a client of a socket. It has sent nothing yet.
func packetClient(t *testing.T, server net.PacketConn, cfg *sealsock.Config) *sealsock.Conn {
	t.Helper()
	raw, err := net.Dial("udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := sealsock.ClientPacket(raw, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
