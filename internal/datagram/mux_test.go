package datagram

import (
	"errors"
	"net"
	"testing"
	"time"
)

// muxOf returns a Mux over a socket of its own, and a connection of it.
func muxOf(t *testing.T, idLen int) (*Mux, func(port uint16) *muxPath) {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	m := NewMux(socket, nil, idLen)
	return m, func(port uint16) *muxPath {
		p := &muxPath{mux: m, peer: at(port).peer}
		p.conn = newConn(p, &m.queued)
		if entered, _ := m.enter(p, time.Now()); !entered {
			t.Fatal("no room for a connection")
		}
		return p
	}
}

// TestRetireAfterClose: what a connection that was closed retires is not taken from the one that
// has the ID now.
func TestRetireAfterClose(t *testing.T) {
	m, enter := muxOf(t, 1)
	first, second := enter(1), enter(2)
	id := (*issuer)(first).Issue()
	if err := first.conn.cut(); err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	m.ids[string(id)], second.ids = second, []string{string(id)}
	m.mu.Unlock()
	(*issuer)(first).Retire(id)
	if m.ids[string(id)] != second {
		t.Error("the ID of another connection was retired")
	}
	(*issuer)(second).Retire(id)
	if len(m.ids) > 0 || len(second.ids) > 0 {
		t.Error("the ID was not retired")
	}
}

// TestCloseDuringBegin: a connection that begins while the Mux is closed does not keep the socket
// open.
func TestCloseDuringBegin(t *testing.T) {
	m, enter := muxOf(t, 0)
	p := enter(1)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m.offer(p.conn)
	if err := m.socket.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the socket is open: %v", err)
	}
}
