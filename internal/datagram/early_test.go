package datagram

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// A sink is a socket that keeps what is sent by its address.
type sink struct {
	net.PacketConn
	sent map[string][][]byte
}

func (s *sink) WriteTo(p []byte, to net.Addr) (int, error) {
	s.sent[to.String()] = append(s.sent[to.String()], bytes.Clone(p))
	return len(p), nil
}

func (s *sink) SetWriteDeadline(time.Time) error { return nil }
func (s *sink) LocalAddr() net.Addr              { return &net.UDPAddr{} }
func (s *sink) Close() error                     { return nil }

type noReplay struct{}

func (noReplay) Fresh([]byte, time.Time) bool { return true }

// earlyConfig is a configuration of both sides with 0-RTT data.
func earlyConfig() *engine.Config {
	psk := engine.NewPSK([]byte("name"), bytes.Repeat([]byte{7}, 32))
	psk.MaxEarlyData, psk.CipherSuite = 1000, iana.TLS_AES_128_GCM_SHA256
	return &engine.Config{
		FindPSK: func([]byte) (*engine.PSK, error) { return psk, nil },
		Options: engine.Options{
			PSKs: []*engine.PSK{psk}, EarlyData: true, MaxEarlyData: 1000,
			AntiReplay: noReplay{}, Now: time.Now,
			Groups: []iana.NamedGroup{iana.X25519}, MinVersion: iana.TLS13,
		},
	}
}

// earlyMux returns a Mux of earlyConfig, its socket, and a client with its first ClientHello.
func earlyMux(t *testing.T) (*Mux, *sink, *engine.DatagramConn, []byte) {
	t.Helper()
	cfg := earlyConfig()
	check, err := engine.NewAddressCheck(cfg)
	if err != nil {
		t.Fatal(err)
	}
	client, err := engine.DatagramClient(cfg, engine.Target{}, engine.DatagramOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Start(time.Now()); err != nil {
		t.Fatal(err)
	}
	socket := &sink{sent: make(map[string][][]byte)}
	return NewMux(socket, check, 0), socket, client, client.NextDatagram()
}

func addrOf(port int) (peer, net.Addr) {
	addr := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: port}
	return peer{other: addr.String()}, addr
}

// TestMuxEarly: a ClientHello with 0-RTT data begins a connection without a proof. Beyond the bound
// of these its client is asked for one. The proof begins a connection also if a copy of the first
// ClientHello has begun one meanwhile.
func TestMuxEarly(t *testing.T) {
	m, socket, client, hello := earlyMux(t)
	for i := range maxUnproved + 1 {
		from, addr := addrOf(i + 1)
		for range 2 { // the second one is a repetition
			m.deliver(from, addr, bytes.Clone(hello))
		}
		if got, want := len(socket.sent[addr.String()]) > 0, i == maxUnproved; got != want {
			t.Fatalf("client %d is asked for a proof: %v", i, got)
		}
	}
	if len(m.unproved) != maxUnproved || m.count != maxUnproved {
		t.Fatalf("%d connections, %d without a proof", m.count, len(m.unproved))
	}
	first, _ := addrOf(1)
	if err := m.conns[first].conn.conn.cut(); err != nil {
		t.Fatal(err)
	}
	<-m.accept
	<-m.accept
	from, addr := addrOf(maxUnproved + 1)
	m.deliver(from, addr, bytes.Clone(hello))
	both := m.conns[from]
	if len(m.unproved) != maxUnproved || both == nil || both.next != nil {
		t.Fatalf("%d connections without a proof", len(m.unproved))
	}
	if _, err := client.Receive(time.Now(), socket.sent[addr.String()][0]); err != nil {
		t.Fatal(err)
	}
	second := client.NextDatagram()
	m.deliver(from, addr, bytes.Clone(second))
	if both.next == nil || both.next.proof == nil || both.next.alone {
		t.Fatal("the proof began no connection")
	}
	pending := len(both.next.conn.in.pending)
	m.deliver(from, addr, bytes.Clone(second))
	if got := len(both.next.conn.in.pending); got != pending+1 || len(m.unproved) != maxUnproved {
		t.Errorf("%d datagrams wait after a repetition, and %d before", got, pending)
	}
}

// TestBoundUnproved: connections without a proof take at most half of the places.
func TestBoundUnproved(t *testing.T) {
	for places, most := range map[int]int{1: 1, 50: 25, 10_000: maxUnproved} {
		m, _, _, hello := earlyMux(t)
		m.BoundUnproved(places)
		for i := range most + 2 {
			from, addr := addrOf(i + 1)
			m.deliver(from, addr, bytes.Clone(hello))
		}
		if len(m.unproved) != most {
			t.Errorf("of %d places %d are without a proof, not %d", places, len(m.unproved), most)
		}
	}
}

// TestMuxForgedHellos: connections that forged ClientHellos have begun do not keep the client out
// whose address they name. Of them it is asked for a proof, which takes the place of one.
func TestMuxForgedHellos(t *testing.T) {
	m, socket, _, hello := earlyMux(t)
	from, addr := addrOf(1)
	var second *muxPath
	for i := range 3 {
		forged := bytes.Clone(hello)
		forged[30] = byte(i) // of the random
		if m.deliver(from, addr, forged); i == 1 {
			second = m.conns[from].next
		}
	}
	both := m.conns[from]
	if m.count != 2 || len(m.unproved) != 2 || second == nil || both.next != second {
		t.Fatalf("%d connections, %d without a proof", m.count, len(m.unproved))
	}
	cfg := earlyConfig()
	cfg.EarlyData = false
	client, err := engine.DatagramClient(cfg, engine.Target{}, engine.DatagramOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Start(time.Now()); err != nil {
		t.Fatal(err)
	}
	socket.sent = make(map[string][][]byte)
	m.deliver(from, addr, client.NextDatagram())
	if len(socket.sent[addr.String()]) == 0 {
		t.Fatal("the client is not asked for a proof")
	}
	if _, err := client.Receive(time.Now(), socket.sent[addr.String()][0]); err != nil {
		t.Fatal(err)
	}
	proof := client.NextDatagram()
	m.deliver(from, addr, bytes.Clone(proof))
	if both.next == nil || both.next.proof == nil || m.count != 2 || len(m.unproved) != 1 {
		t.Fatalf("the proof began no connection: %d connections, %d without a proof", m.count,
			len(m.unproved))
	}
	if err := second.conn.in.ended(); err != errReplaced {
		t.Errorf("the one before: %v", err)
	}
	next := both.next
	m.deliver(from, addr, bytes.Clone(hello))
	m.deliver(from, addr, bytes.Clone(proof))
	if both.next != next || m.count != 2 {
		t.Error("the proof was replaced")
	}
	next.opened(nil) // before the other one has its engine
	if both.conn != next || both.next != nil {
		t.Error("the client does not have its connection")
	}
}

// TestInboxEarly: 0-RTT data waits apart from other messages, within the same bounds.
func TestInboxEarly(t *testing.T) {
	in := &inbox{shared: new(atomic.Int64)}
	if n, ok, err := in.takeEarly(make([]byte, 9)); n != 0 || ok || err != nil {
		t.Fatalf("of nothing: %d, %v, %v", n, ok, err)
	}
	put := func(text string, early bool) {
		var list [2]queue // of messages, and of 0-RTT data
		i := 0
		if early {
			i = 1
		}
		list[i].add(newMessage([]byte(text)))
		in.put(&list[0], &list[1])
	}
	put("early", true)
	put("late", false)
	if _, _, err := in.takeEarly(make([]byte, 4)); !errors.Is(err, io.ErrShortBuffer) {
		t.Errorf("a buffer that is too short: %v", err)
	}
	buf := make([]byte, 9)
	if n, ok, err := in.takeEarly(buf); string(buf[:n]) != "early" || !ok || err != nil {
		t.Errorf("%q, %v, %v", buf[:n], ok, err)
	}
	for range 2 * maxQueue {
		put("more", true)
	}
	if in.early.n != maxQueue {
		t.Errorf("%d messages wait", in.early.n)
	}
	in.discard()
	in.open = true
	if _, ok, err := in.takeEarly(buf); ok || err != io.EOF || in.shared.Load() != 0 {
		t.Errorf("at the end: %v, %v, %d bytes", ok, err, in.shared.Load())
	}
}
