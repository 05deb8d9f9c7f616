package datagram

import (
	"bytes"

	"github.com/sealsock/sealsock/internal/udpbatch"
)

// deliverRun gives the datagrams of a run to the connections of their sender.
func (m *Mux) deliverRun(run udpbatch.Run) {
	from := peer{at: run.From}
	if len(run.Bytes) > run.Size {
		if c := m.common(from, run); c != nil {
			c.feedRun(run)
			return
		}
	}
	run.Each(func(datagram []byte) { m.deliver(from, nil, datagram) })
}

// common returns the connection that all datagrams of a run are for; nil if each has to be looked
// at for itself.
func (m *Mux) common(from peer, run udpbatch.Run) *Conn {
	id, same := connectionID(run.Bytes[:run.Size], m.idLen), true
	run.Each(func(datagram []byte) {
		_, begins := helloRandom(datagram)
		same = same && !begins && bytes.Equal(id, connectionID(datagram, m.idLen))
	})
	if !same || from == (peer{}) {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if id != nil {
		if p := m.ids[string(id)]; p != nil && p.route().peer == from {
			return p.conn
		}
		return nil
	}
	if p := m.conns[from]; p != nil && p.next == nil {
		return p.conn.conn
	}
	return nil
}

// feedRun is feed for several datagrams.
func (c *Conn) feedRun(run udpbatch.Run) {
	c.in.mu.Lock()
	open, ended := c.in.open, c.in.err != nil
	c.in.mu.Unlock()
	switch {
	case !open:
		run.Each(c.feed)
	case !ended:
		c.settle(c.run(call{datagram: run.Bytes, size: run.Size}))
	}
}
