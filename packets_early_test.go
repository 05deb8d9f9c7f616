package sealsock_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// earlyPackets returns configurations with 0-RTT data and the same tickets for each server.
func earlyPackets(t *testing.T) (client, server *sealsock.Config) {
	t.Helper()
	client, server = newConfigs(t)
	client.EarlyData, client.Sessions = true, sealsock.NewMemoryCache(1)
	server.MaxEarlyData = 100
	return client, server
}

// A heard is what a server has read of one client.
type heard struct {
	early    []string
	first    string
	accepted bool
}

// hearPackets serves clients, and reports what each has sent first.
func hearPackets(t *testing.T, cfg *sealsock.Config) (string, <-chan heard) {
	t.Helper()
	l, err := sealsock.Listen(t.Context(), "udp://127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	var busy sync.WaitGroup
	t.Cleanup(func() { l.Close(); busy.Wait() })
	all := make(chan heard, 10)
	busy.Go(func() {
		for {
			c, err := l.AcceptConn(context.Background())
			if err != nil {
				return
			}
			h, buf := heard{accepted: c.State().EarlyData}, make([]byte, 2000)
			for {
				n, err := c.ReadEarly(buf)
				if err != nil {
					break
				}
				h.early = append(h.early, string(buf[:n]))
			}
			c.SetReadDeadline(time.Now().Add(time.Minute))
			n, _ := c.Read(buf)
			h.first = string(buf[:n])
			all <- h
			c.Close()
		}
	})
	return "udp://" + l.Addr().String(), all
}

// TestPacketEarly: 0-RTT data over datagrams is accepted by a Listener, with the default groups and
// with ones whose ClientHello fits into one datagram, and handed out by ReadEarly alone.
func TestPacketEarly(t *testing.T) {
	for _, groups := range [][]iana.NamedGroup{nil, {iana.X25519}} {
		client, server := earlyPackets(t)
		client.Groups, server.Groups = groups, groups
		addr, all := hearPackets(t, server)
		d, err := sealsock.NewDialer(client)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		d.BeforeHandshake = func(_ context.Context, c *sealsock.Conn) (err error) {
			if _, err := c.WriteEarly(make([]byte, 101)); !errors.Is(err, sealsock.ErrNoEarlyData) {
				t.Errorf("more than the server accepts: %v", err)
			}
			n, err = c.WriteEarly([]byte("early"))
			if errors.Is(err, sealsock.ErrNoEarlyData) {
				return nil
			}
			return err
		}
		for i := range 2 {
			c, err := d.Dial(t.Context(), addr)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Write([]byte("late")); err != nil {
				t.Fatal(err)
			}
			h := <-all
			want := heard{first: "late"}
			if i == 1 {
				want = heard{[]string{"early"}, "late", true}
			}
			if n != 5*i || h.first != want.first || h.accepted != want.accepted ||
				len(h.early) != len(want.early) || i == 1 && h.early[0] != "early" {
				t.Errorf("groups %v, connection %d: %d bytes were sent, and the server has %+v",
					groups, i, n, h)
			}
			if got := c.State(); got.EarlyData != want.accepted || got.Retried == want.accepted {
				t.Errorf("groups %v, connection %d: the state is %+v", groups, i, got)
			}
			if _, err := c.Read(make([]byte, 10)); err != io.EOF { // a ticket has come before
				t.Error(err)
			}
			c.Close()
		}
	}
}

// TestPacketEarlyRefused: 0-RTT data that a server refuses is sent again as the messages that it
// was, or as the application decides.
func TestPacketEarlyRefused(t *testing.T) {
	for _, decide := range []func([]byte, string) []byte{
		nil, func(data []byte, _ string) []byte { return append([]byte("not "), data...) },
	} {
		client, server := earlyPackets(t)
		server.Tickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
		server.AntiReplay = sealsock.NewAntiReplay(100, nil) // too young to accept
		client.EarlyRefused = decide
		addr, all := hearPackets(t, server)
		d, err := sealsock.NewDialer(client)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			if i == 1 {
				d.BeforeHandshake = func(_ context.Context, c *sealsock.Conn) error {
					_, err := c.WriteEarly([]byte("early"))
					return err
				}
			}
			c, err := d.Dial(t.Context(), addr)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Write([]byte("late")); err != nil {
				t.Fatal(err)
			}
			want := []string{"late", "early"}[i]
			if i == 1 && decide != nil {
				want = "not early"
			}
			h := <-all
			if h.first != want || h.accepted || len(h.early) > 0 || c.State().EarlyData {
				t.Errorf("connection %d: the server has %+v, expected %q", i, h, want)
			}
			if _, err := c.Read(make([]byte, 10)); err != io.EOF {
				t.Error(err)
			}
			c.Close()
		}
	}
}

// TestPacketEarlyOtherProtocol: 0-RTT data that a server refuses because it has chosen another
// application protocol ends the connection with an error, as over a stream.
func TestPacketEarlyOtherProtocol(t *testing.T) {
	client, server := earlyPackets(t)
	server.Tickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
	server.AntiReplay = sealsock.NewAntiReplay(100, nil) // too young to accept
	client.ALPN = []string{"a", "b"}
	sessions := make(chan *engine.Session, 10)
	client.OnSession = func(s *engine.Session) { sessions <- s }
	for i, protocol := range []string{"a", "b"} {
		a, b := packetPair(t)
		other := *server
		other.ALPN = []string{protocol}
		s, err := sealsock.ServerPacket(b, &other)
		if err != nil {
			t.Fatal(err)
		}
		own := *client
		c, err := sealsock.ClientPacket(a, &own)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			err := s.Handshake()
			s.SetReadDeadline(time.Now().Add(10 * time.Second))
			if err == nil {
				_, err = s.Read(make([]byte, 10))
			}
			done <- err
		}()
		if i == 1 {
			writeEarly(t, c, "early")
		}
		err = c.Handshake()
		var e *engine.Error
		switch {
		case i == 0 && err != nil:
			t.Fatal(err)
		case i == 1 && (!errors.As(err, &e) || e.Fault != engine.FaultIncompatible ||
			!strings.Contains(err.Error(), `expected "a", got "b"`)):
			t.Errorf("another protocol: %v", err)
		}
		if i == 0 {
			client.Session = <-sessions
			c.CloseWrite()
		}
		if err := <-done; err != io.EOF {
			t.Errorf("connection %d: the server reads %v", i, err)
		}
		c.Close()
		s.Close()
	}
}

// TestPacketEarlyLargest: a refused message of the largest size is sent again, although a
// connection ID has made the records longer.
func TestPacketEarlyLargest(t *testing.T) {
	client, server := earlyPackets(t)
	server.MaxEarlyData = 4000
	server.Tickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
	server.AntiReplay = sealsock.NewAntiReplay(100, nil) // too young to accept
	addr, all := hearPackets(t, server)
	d, err := sealsock.NewDialer(client)
	if err != nil {
		t.Fatal(err)
	}
	largest := 0
	for i := range 2 {
		if i == 1 {
			d.BeforeHandshake = func(_ context.Context, c *sealsock.Conn) (err error) {
				for largest = 1200; largest > 1000; largest-- {
					if _, err = c.WriteEarly(make([]byte, largest)); err == nil {
						break
					}
				}
				return err
			}
		}
		c, err := d.Dial(t.Context(), addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("late")); err != nil {
			t.Fatal(err)
		}
		if h := <-all; i == 1 && len(h.first) != largest || h.accepted {
			t.Errorf("of %d bytes the server has %d", largest, len(h.first))
		}
		if _, err := c.Read(make([]byte, 10)); err != io.EOF {
			t.Error(err)
		}
		c.Close()
	}
}

// A gate is a socket that holds back what comes behind the first reads, until it is open.
type gate struct {
	net.Conn
	left int
	open chan struct{}
}

func (g *gate) Read(p []byte) (int, error) {
	if g.left--; g.left < 0 {
		<-g.open
	}
	return g.Conn.Read(p)
}

// TestPacketEarlyAccepted: a message that a client writes after the server has accepted 0-RTT data,
// before the handshake is done, is sent once.
func TestPacketEarlyAccepted(t *testing.T) {
	client, server := earlyPackets(t)
	server.MTU, client.Groups = 256, []iana.NamedGroup{iana.X25519}
	// It makes EncryptedExtensions so long that Finished does not fit beside it.
	client.ALPN = []string{strings.Repeat("a", 60)}
	server.ALPN = client.ALPN
	for i := range 2 {
		a, b := packetPair(t)
		g := &gate{a, 1000, make(chan struct{})}
		if i == 1 {
			g.left = 1
		}
		s, err := sealsock.ServerPacket(b, server)
		if err != nil {
			t.Fatal(err)
		}
		c, err := sealsock.ClientPacket(g, client)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 2)
		if i == 1 {
			writeEarly(t, c, "one")
		}
		go func() { done <- s.Handshake() }()
		go func() { done <- c.Handshake() }()
		if i == 1 {
			for i := 0; !c.State().EarlyData; i++ {
				if i == 10000 {
					t.Fatal("0-RTT data is not accepted")
				}
				time.Sleep(time.Millisecond)
			}
			if c.State().HandshakeDone {
				t.Fatal("the handshake is done")
			}
			writeEarly(t, c, "two")
		}
		close(g.open)
		for range 2 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Write([]byte("late")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		if n, err := s.Read(buf); string(buf[:n]) != "late" || err != nil {
			t.Errorf("the server reads %q, %v", buf[:n], err)
		}
		for _, want := range []string{"one", "two"}[:2*i] {
			if n, err := s.ReadEarly(buf); string(buf[:n]) != want || err != nil {
				t.Errorf("of 0-RTT data the server reads %q, %v", buf[:n], err)
			}
		}
		if _, err := s.Write([]byte("x")); err != nil { // behind a ticket
			t.Fatal(err)
		}
		if n, err := c.Read(buf); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		c.Close()
		s.Close()
	}
}

func writeEarly(t *testing.T, c *sealsock.Conn, message string) {
	t.Helper()
	if _, err := c.WriteEarly([]byte(message)); err != nil {
		t.Fatal(err)
	}
}

// A connected is a socket of datagrams that sends to one address.
type connected struct {
	net.PacketConn
	to net.Addr
}

func (c *connected) Read(p []byte) (int, error) {
	n, _, err := c.ReadFrom(p)
	return n, err
}

func (c *connected) Write(p []byte) (int, error) { return c.WriteTo(p, c.to) }
func (c *connected) RemoteAddr() net.Addr        { return c.to }

// packetPair returns two sockets of datagrams that are connected to each other.
func packetPair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	var all [2]net.PacketConn
	for i := range all {
		var err error
		if all[i], err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	return &connected{all[0], all[1].LocalAddr()}, &connected{all[1], all[0].LocalAddr()}
}

// TestServerPacket: on a server of one client, ReadEarly returns before the client is proved, and
// WriteEarly answers then.
func TestServerPacket(t *testing.T) {
	client, server := earlyPackets(t)
	for i := range 2 {
		a, b := packetPair(t)
		s, err := sealsock.ServerPacket(b, server)
		if err != nil {
			t.Fatal(err)
		}
		c, err := sealsock.ClientPacket(a, client)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		if i == 1 {
			if _, err := c.WriteEarly([]byte("early")); err != nil {
				t.Fatal(err)
			}
			n, err := s.ReadEarly(buf)
			if string(buf[:n]) != "early" || err != nil || s.State().HandshakeDone {
				t.Fatalf("%q, %v; the handshake is done: %v", buf[:n], err, s.State().HandshakeDone)
			}
			if _, err := s.ExportEarly("EXPORTER-test", nil, 32); err != nil {
				t.Error(err)
			}
			if _, err := s.WriteEarly([]byte("answer")); err != nil {
				t.Fatal(err)
			}
			if n, err := c.Read(buf); string(buf[:n]) != "answer" || err != nil {
				t.Fatalf("%q, %v", buf[:n], err)
			}
		}
		done := make(chan error, 1)
		go func() { done <- s.Handshake() }()
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if _, err := s.ReadEarly(buf); err != io.EOF {
			t.Errorf("after the handshake: %v", err)
		}
		if _, err := s.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(buf); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if got := s.State().EarlyData; got != (i == 1) {
			t.Errorf("connection %d: 0-RTT data is accepted: %v", i, got)
		}
		c.Close()
		s.Close()
	}
	var e *engine.Error
	if _, err := sealsock.ServerPacket(nil, nil); !errors.As(err, &e) {
		t.Errorf("without a configuration: %v", err)
	}
}
