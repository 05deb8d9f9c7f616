package sealsock_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
)

// A hub is a socket in memory, whose clients have neither a goroutine nor a socket. One goroutine
// uses it.
type hub struct {
	net.PacketConn // whose address it has, and which carries nothing
	toServer       chan onHub
	toClients      chan onHub
	clients        map[string]*engine.DatagramConn
	done           int // handshakes that a client has completed
	answers        int // messages that have come to clients
}

type onHub struct {
	datagram []byte
	peer     net.Addr
}

// ReadFrom implements net.PacketConn.
func (h *hub) ReadFrom(p []byte) (int, net.Addr, error) {
	d, ok := <-h.toServer
	if !ok {
		return 0, nil, net.ErrClosed
	}
	return copy(p, d.datagram), d.peer, nil
}

// WriteTo implements net.PacketConn.
func (h *hub) WriteTo(p []byte, to net.Addr) (int, error) {
	h.toClients <- onHub{bytes.Clone(p), to}
	return len(p), nil
}

// sent passes on what a client has to send.
func (h *hub) sent(c *engine.DatagramConn, from net.Addr) {
	for d := c.NextDatagram(); d != nil; d = c.NextDatagram() {
		h.toServer <- onHub{d, from}
	}
}

// open begins the handshake of a client.
func (h *hub) open(t *testing.T, cfg *engine.Config, from net.Addr) {
	t.Helper()
	c, err := engine.DatagramClient(cfg, engine.Target{ServerName: "localhost"},
		engine.DatagramOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h.clients[from.String()] = c
	if _, err := c.Start(time.Now()); err != nil {
		t.Fatal(err)
	}
	h.sent(c, from)
}

// deliver gives clients what the server sends, until ready.
func (h *hub) deliver(t *testing.T, ready func() bool) {
	t.Helper()
	for !ready() {
		d := <-h.toClients
		c := h.clients[d.peer.String()]
		events, err := c.Receive(time.Now(), d.datagram)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			switch ev.Kind {
			case engine.EventHandshakeDone:
				h.done++
			case engine.EventData:
				h.answers++
			}
		}
		h.sent(c, d.peer)
	}
}

// ask makes a client send a message, and waits until it is answered.
func (h *hub) ask(t *testing.T, from net.Addr) {
	t.Helper()
	d, err := h.clients[from.String()].Send(nil, []byte("a message"))
	if err != nil {
		t.Fatal(err)
	}
	h.toServer <- onHub{d, from}
	before := h.answers
	h.deliver(t, func() bool { return h.answers > before })
}

// anyServer accepts every certificate.
type anyServer struct{}

// VerifyPeer implements engine.Verifier.
func (anyServer) VerifyPeer(p *engine.PeerCertificate) (crypto.PublicKey, error) {
	cert, err := x509.ParseCertificate(p.Chain[0])
	if err != nil {
		return nil, err
	}
	return cert.PublicKey, nil
}

// settled waits until the heap has at most so many bytes, which depends on when connections rest,
// and returns its size after that, or after a minute.
func settled(most int64) (size int64) {
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if size = heap(); size <= most || time.Now().After(end) {
			return size
		}
	}
}

// TestPacketIdle counts the heap of connections without traffic on a server's side. All of them
// answer afterwards, and then need no more. SEALSOCK_IDLE=50000 opens that many.
func TestPacketIdle(t *testing.T) {
	// The clients, which are counted at first, do not rest.
	const bound, withClients, warm = 3072, 10_000, 10
	_, server := newConfigs(t)
	server.NumTickets = -1
	address, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer address.Close()
	h := &hub{
		PacketConn: address, clients: map[string]*engine.DatagramConn{},
		toServer: make(chan onHub, 100), toClients: make(chan onHub, 100),
	}
	l, err := sealsock.NewPacketListener(h, server)
	if err != nil {
		t.Fatal(err)
	}
	defer close(h.toServer)
	defer l.Close()
	accepted := make(chan *sealsock.Conn)
	go func() {
		for {
			c, err := l.AcceptConn(t.Context())
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	n := number("SEALSOCK_IDLE", 500)
	conns := make([]*sealsock.Conn, 0, warm+n)
	open := func(from, to int) {
		for i := from; i < to; i++ {
			h.open(t, &engine.Config{Verifier: anyServer{}}, forged(i))
			h.deliver(t, func() bool { return h.done == i+1 })
			c := <-accepted
			conns = append(conns, c)
			echoed(t, h, c, forged(i))
		}
	}
	open(0, warm)
	routines, before := runtime.NumGoroutine(), heap()
	open(warm, warm+n)
	settled(before + withClients*int64(n))
	for i, c := range conns {
		echoed(t, h, c, forged(i))
	}
	h.clients = nil
	each := (settled(before+bound*int64(n)) - before) / int64(n)
	t.Logf("%d bytes of heap for each of %d connections", each, n)
	if each > bound {
		t.Errorf("%d bytes of heap for each connection, at most %d are allowed", each, bound)
	}
	if more := runtime.NumGoroutine() - routines; more > n/100 {
		t.Errorf("%d goroutines more for %d connections", more, n)
	}
	runtime.KeepAlive(conns)
}

// echoed has a message of a client sent back.
func echoed(t *testing.T, h *hub, c *sealsock.Conn, from net.Addr) {
	t.Helper()
	go func() {
		buf := make([]byte, 100)
		n, err := c.Read(buf)
		if err == nil {
			_, err = c.Write(buf[:n])
		}
		if err != nil && err != io.EOF {
			t.Error(err)
		}
	}()
	h.ask(t, from)
}
