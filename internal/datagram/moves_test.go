package datagram

import (
	"bytes"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// A fakePath notes where its connection has moved.
type fakePath struct {
	clock  timers
	at     route
	proofs int // how often it was told that the peer receives there
}

func (p *fakePath) closing()                             {}
func (p *fakePath) reached()                             { p.proofs++ }
func (p *fakePath) opened(*Conn)                         {}
func (p *fakePath) send([]byte) error                    { return nil }
func (p *fakePath) sendTo(route, []byte) error           { return nil }
func (p *fakePath) sendBatch([]byte, []int) (int, error) { return 0, nil }
func (p *fakePath) move(to route)                        { p.at = to }
func (p *fakePath) route() route                         { return p.at }
func (p *fakePath) forget(*Conn) error                   { return nil }
func (p *fakePath) timers() *timers                      { return &p.clock }
func (p *fakePath) netConn(*Conn) net.Conn               { return nil }
func (p *fakePath) LocalAddr() net.Addr                  { return nil }
func (p *fakePath) RemoteAddr() net.Addr                 { return nil }

// enginesOf returns both sides of an open connection.
func enginesOf(
	t *testing.T, v iana.Version, change ...func(*engine.Options),
) (client, server *engine.DatagramConn) {
	t.Helper()
	psk := engine.NewPSK([]byte("name"), bytes.Repeat([]byte{7}, 32))
	o := engine.Options{MinVersion: v, MaxVersion: v, PSKs: []*engine.PSK{psk}}
	for _, f := range change {
		f(&o)
	}
	find := func([]byte) (*engine.PSK, error) { return psk, nil }
	options := engine.DatagramOptions{AddressProved: true}
	client, err := engine.DatagramClient(&engine.Config{Options: o}, engine.Target{}, options)
	if err != nil {
		t.Fatal(err)
	}
	server, err = engine.DatagramServer(&engine.Config{Options: o, FindPSK: find}, options)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if _, err := client.Start(now); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		for d := client.NextDatagram(); d != nil; d = client.NextDatagram() {
			if _, err := server.Receive(now, d); err != nil {
				t.Fatal(err)
			}
		}
		for d := server.NextDatagram(); d != nil; d = server.NextDatagram() {
			if _, err := client.Receive(now, d); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !client.State().HandshakeDone || !server.State().HandshakeDone {
		t.Fatal("the handshake is not done")
	}
	return client, server
}

func at(port uint16) route {
	return route{peer: peer{at: netip.AddrPortFrom(netip.IPv4Unspecified(), port)}}
}

// TestForgeryDuringCheck: what is forged, with the connection ID and from a third address, does not
// keep a peer from moving, and is not answered.
func TestForgeryDuringCheck(t *testing.T) {
	for _, v := range []iana.Version{iana.TLS13, iana.TLS12} {
		client, server := enginesOf(t, v)
		path := &fakePath{at: at(1)}
		c := newConn(path, new(atomic.Int64))
		c.engine = server
		message, err := client.Send(nil, []byte("from elsewhere"))
		if err != nil {
			t.Fatal(err)
		}
		forged := bytes.Clone(message)
		forged[len(forged)-1] ^= 1
		from := func(port uint16, d []byte) outcome {
			r := at(port)
			return c.locked(call{datagram: bytes.Clone(d), from: &r})
		}
		o := from(2, message)
		if len(o.probes) != 1 || o.probes[0].to.peer != at(2).peer {
			t.Fatalf("%v: the probes are %v", v, o.probes)
		}
		for port := range uint16(5) {
			if o := from(3+port, forged); len(o.probes) > 0 || o.err != nil {
				t.Errorf("%v: %d probes for a forgery, %v", v, len(o.probes), o.err)
			}
		}
		if _, err := client.Receive(time.Now(), o.probes[0].datagram); err != nil {
			t.Fatal(err)
		}
		if from(2, client.NextDatagram()); path.at.peer != at(2).peer {
			t.Errorf("%v: the peer is at %v", v, path.at.peer)
		}
		message, _ = client.Send(nil, []byte("again"))
		if o := from(2, message); len(o.probes) > 0 {
			t.Errorf("%v: a probe of the current address", v)
		}
	}
}
