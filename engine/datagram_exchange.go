package engine

import (
	"time"

	"github.com/sealsock/sealsock/internal/dtls"
)

// An exchange is what a DatagramConn has for the messages of the handshake, of either side, that
// are on their way. While there are none, a connection that rests does without: see
// DatagramConn.Rest.
type exchange struct {
	assembler dtls.Assembler
	events    []Event
	asked     Question // the last that was reported

	flight dtls.Flight
	timer  dtls.Timer
	acks   dtls.Acks
	ackAt  time.Time // when they are sent; zero while they are not due
	out    [][]byte
	few    [2][]byte // memory for out
	probes []probe   // for other paths than the current one

	update     keyUpdate
	held       []step // messages to be sent when the KeyUpdate is acknowledged
	ticketsDue int    // tickets to be sent then
}

// A rested is what remains of an exchange.
type rested struct {
	sent, awaited uint16 // the numbers of the next messages of this side and of the peer
	firstTimeout  time.Duration
}

func newExchange() *exchange {
	x := new(exchange)
	x.out = x.few[:0]
	return x
}

// over reports whether neither side awaits anything of the other. What has to be acknowledged was:
// if the ACK was lost, the peer sends its message again, in another record.
func (x *exchange) over() bool {
	switch {
	case !x.flight.Empty() || x.assembler.Pending() || x.asked != nil,
		!x.timer.Deadline().IsZero() || !x.ackAt.IsZero(),
		len(x.out) > 0 || len(x.probes) > 0,
		x.update.sent || x.update.again || len(x.held) > 0 || x.ticketsDue > 0:
		return false
	}
	return true
}

// wake makes the exchange again after Rest.
func (c *DatagramConn) wake() {
	if c.exchange != nil {
		return
	}
	x := newExchange()
	x.flight.StartAt(c.rested.sent)
	x.assembler.StartAt(c.rested.awaited)
	x.timer.Initial = c.rested.firstTimeout
	c.exchange = x
}

// collect takes over what the states have done: events, and work for the sending half.
func (c *DatagramConn) collect() error {
	if q := c.recv.queue; len(q) > 0 && len(c.events) == 0 {
		c.events = q
	} else {
		c.events = append(c.events, q...)
	}
	c.recv.queue = nil
	return c.apply()
}
