package datagram

import (
	"bytes"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// TestMuxOldPlaces: while all places without a proof are taken, a ClientHello gets none for
// placeTime, and then that of the oldest connection, which ends.
func TestMuxOldPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _, _, hello := earlyMux(t)
		m.BoundUnproved(4) // two
		come := func(port int) *muxPath {
			from, addr := addrOf(port)
			m.deliver(from, addr, bytes.Clone(hello))
			if p := m.conns[from]; p != nil {
				return p.conn
			}
			return nil
		}
		first := come(1)
		time.Sleep(time.Second)
		second := come(2)
		time.Sleep(placeTime - time.Second - time.Millisecond)
		if come(3) != nil {
			t.Fatal("a connection has lost its place too early")
		}
		time.Sleep(time.Millisecond)
		if come(3) == nil || come(4) != nil {
			t.Fatal("of two places one is free")
		}
		if first.conn.in.ended() != errUnproved || second.conn.in.ended() != nil {
			t.Errorf("the oldest one: %v; the other one: %v", first.conn.in.ended(),
				second.conn.in.ended())
		}
		if m.count != 2 || len(m.unproved) != 2 || len(m.conns) != 2 {
			t.Errorf("%d connections of %d peers, %d without a proof", m.count, len(m.conns),
				len(m.unproved))
		}
		second.reached()
		time.Sleep(placeTime)
		if come(4) == nil || second.conn.in.ended() != nil {
			t.Error("a connection whose peer has proved its address has lost its place")
		}
	})
}

// TestProvedBeforeItIsOpen: a path is told once, by the first datagram that proves it, that the
// peer receives at its address.
func TestProvedBeforeItIsOpen(t *testing.T) {
	cfg := earlyConfig()
	cfg.EarlyData = false
	client, err := engine.DatagramClient(cfg, engine.Target{}, engine.DatagramOptions{})
	if err != nil {
		t.Fatal(err)
	}
	server, err := engine.DatagramServer(cfg, engine.DatagramOptions{})
	if err != nil {
		t.Fatal(err)
	}
	path := new(fakePath)
	c := newConn(path, new(atomic.Int64))
	c.engine = server
	now := time.Now()
	if _, err := client.Start(now); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{0, 1, 1} {
		var o outcome
		for d := client.NextDatagram(); d != nil; d = client.NextDatagram() {
			if o = c.run(call{datagram: d, size: len(d)}); o.err != nil {
				t.Fatal(o.err)
			}
		}
		if path.proofs != want {
			t.Errorf("after flight %d the path was told %d times", i, path.proofs)
		}
		for _, d := range append([][]byte{o.first}, o.out...) {
			if _, err := client.Receive(now, d); err != nil {
				t.Fatal(err)
			}
		}
		if i == 1 { // a record that has data
			d, err := client.Send(nil, []byte("data"))
			if err != nil {
				t.Fatal(err)
			}
			c.run(call{datagram: d, size: len(d)})
		}
	}
}
