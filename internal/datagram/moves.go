package datagram

import (
	"net"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// A route is an address of a peer.
type route struct {
	peer peer
	addr net.Addr // of other sockets than UDP; else nil
}

// moves are the addresses of a peer that has used more than one, with the numbers that the engine
// knows them by.
type moves struct {
	count             uint64 // of numbers that were given
	current, checking numbered
}

// A numbered is an address and its number.
type numbered struct {
	number uint64
	route
}

// A probe is a datagram for an address that is being checked.
type probe struct {
	to       route
	datagram []byte
}

// feedFrom takes a datagram that has a connection ID of c, from an address that is not the
// peer's. During the handshake it is discarded: a peer is not followed before it is proved.
func (c *Conn) feedFrom(from route, datagram []byte) {
	if c.in.isOpen() && c.in.ended() == nil {
		c.settle(c.run(call{datagram: datagram, from: &from}))
	}
}

// receiveFrom gives the engine a datagram from an address. Anyone who has seen a connection ID can
// send one from anywhere: an address is remembered only if the engine begins to check it. The
// engine is locked.
func (c *Conn) receiveFrom(
	o *outcome, now time.Time, from route, datagram []byte,
) ([]engine.Event, error) {
	m := c.moves
	if m == nil {
		m = &moves{current: numbered{0, c.path.route()}}
		c.moves = m
	}
	at := m.checking
	switch from.peer {
	case m.current.peer:
		return c.engine.Receive(now, datagram)
	case m.checking.peer:
	default:
		m.count++
		at = numbered{m.count, from}
	}
	events, err := c.engine.ReceiveFrom(now, at.number, datagram)
	if path, ok := c.engine.Checking(); ok && path == at.number {
		m.checking = at
	}
	if c.engine.Path() == at.number {
		m.current = at
		c.path.move(at.route)
	}
	c.probes(o, at)
	return events, err
}

// probes collects what is to be sent to an address that is not the peer's. The engine is locked.
func (c *Conn) probes(o *outcome, at numbered) {
	for d, path := c.engine.NextProbe(); d != nil; d, path = c.engine.NextProbe() {
		if path == at.number {
			o.probes = append(o.probes, probe{at.route, d})
		}
	}
}
