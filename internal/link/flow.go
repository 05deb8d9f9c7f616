package link

import (
	"sync"
	"time"

	"github.com/sealsock/sealsock/internal/alarm"
	"github.com/sealsock/sealsock/relay"
)

const (
	firstWait = time.Second            // before anything is sent again, without a measurement
	leastWait = 200 * time.Millisecond // with one
	mostWait  = 10 * time.Second
	linger    = 30 * time.Second // of a Conn that the other member has not closed

	// An acknowledgement waits while full packets follow each other: for oneAck bytes, or for
	// ackWait, which is less than the other side waits for it.
	oneAck  = 4 * maxData
	ackWait = 20 * time.Millisecond
)

// A resender decides when to send again. The wait doubles until something is acknowledged.
type resender struct {
	at       time.Time // zero while nothing is on its way
	wait     time.Duration
	repaired uint64 // 1 + the number from which was sent again because it was missing

	measured uint64 // the end of the packet whose way is measured; 0 for none
	sent     time.Time
	roundway time.Duration // smoothed
}

// base is the wait after which a packet is taken as lost.
func (r *resender) base() time.Duration {
	if r.roundway == 0 {
		return firstWait
	}
	return min(max(3*r.roundway, leastWait), mostWait)
}

// measure takes the time of the packet that ack acknowledges.
func (r *resender) measure(ack uint64, now time.Time) {
	if r.measured == 0 || ack < r.measured {
		return
	}
	took := now.Sub(r.sent)
	if r.roundway == 0 {
		r.roundway = took
	}
	r.roundway += (took - r.roundway) / 8
	r.measured = 0
}

// pump sends packets until the Conn ends.
func (c *Conn) pump() {
	defer c.hub.forget(c)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		sent, pause := c.sendDue()
		if sent {
			continue
		}
		if pause < 0 {
			return
		}
		timer.Reset(pause)
		select {
		case <-c.wake:
		case <-timer.C:
			c.trim()
		case <-c.over:
			return
		}
	}
}

// batchPackets is how many packets are sent together.
const batchPackets = 4

// packetMemories has memory for the packets of a batch.
var packetMemories = sync.Pool{New: func() any { return new(packetMemory) }}

type packetMemory [batchPackets][relay.MaxPayload]byte

// sendDue sends the packets that are due. If there are none, it returns the pause of nextPacket.
func (c *Conn) sendDue() (sent bool, pause time.Duration) {
	memory := packetMemories.Get().(*packetMemory)
	defer packetMemories.Put(memory)
	var sealed [batchPackets][]byte
	c.sealing.Lock()
	defer c.sealing.Unlock()
	n := 0
	for ; n < batchPackets; n++ {
		var p *packet
		if p, pause = c.nextPacket(time.Now(), memory[n][:]); p == nil {
			break
		}
		sealed[n] = c.seal.seal(p)
	}
	if n > 0 {
		c.hub.send(c.peer, sealed[:n]...)
	}
	return n > 0, pause
}

// trim frees the memory of what was sent and received, after a while without traffic.
func (c *Conn) trim() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in.trim()
	c.out.trim()
}

// nextPacket returns the next packet to send, in memory, or nil, and for how long there is no
// other without an event: a negative time is the end.
func (c *Conn) nextPacket(now time.Time, memory []byte) (*packet, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.finished(now) {
		return nil, -1
	}
	if !c.up {
		return nil, linger
	}
	expired := !c.timer.at.IsZero() && !now.Before(c.timer.at)
	if expired {
		c.again()
		c.timer.wait = min(2*c.timer.wait, mostWait)
	}
	c.owed = c.owed || until(c.owedAt, now) == 0
	p := c.compose(expired, memory)
	if p != nil {
		c.complete(p, now)
	}
	if waits := c.next > c.acked || c.blocked(); !waits {
		c.timer.at = time.Time{}
	} else if c.timer.at.IsZero() || expired {
		c.timer.wait = max(c.timer.wait, c.timer.base())
		c.timer.at = now.Add(c.timer.wait)
	}
	return p, min(until(c.timer.at, now), until(c.owedAt, now))
}

// until is the time until at, or linger for the zero time.
func until(at, now time.Time) time.Duration {
	if at.IsZero() {
		return linger
	}
	return max(at.Sub(now), 0)
}

// sendLastAck sends the acknowledgement that is owed.
func (c *Conn) sendLastAck() {
	c.sealing.Lock()
	defer c.sealing.Unlock()
	if p := c.lastAck(time.Now()); p != nil {
		c.hub.send(c.peer, c.seal.seal(p))
	}
}

// lastAck returns the acknowledgement that is owed, or nil.
func (c *Conn) lastAck(now time.Time) *packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || !c.up || !c.owed && c.owedAt.IsZero() {
		return nil
	}
	p := &packet{kind: typeAck, number: c.next}
	c.complete(p, now)
	return p
}

// complete adds the acknowledgement to a packet that is sent now. The caller holds the lock.
func (c *Conn) complete(p *packet, now time.Time) {
	p.ack, p.limit, p.missing = c.received, c.limit(), c.missing
	c.told, c.owed, c.missing = p.limit, false, false
	c.owedAt, c.untold = time.Time{}, 0
	if end := p.number + uint64(len(p.data)); c.timer.measured == 0 && end > c.highest {
		c.timer.measured, c.timer.sent = end, now
	}
	c.highest = max(c.highest, c.next)
}

// compose returns the packet that is due, without its acknowledgement, and counts it as
// sent. Its data are in memory. A probe asks a receiver that has no space whether it has
// some now. The caller holds the lock.
func (c *Conn) compose(probe bool, memory []byte) *packet {
	end := c.acked + uint64(c.out.len())
	p := &packet{number: c.next, memory: memory}
	switch {
	case c.next < min(end, c.allowed, c.acked+c.flight):
		p.kind = typeData
		size := min(min(end, c.allowed, c.acked+c.flight)-c.next, maxData)
		p.data = memory[headerSize:][:size]
		c.out.copy(p.data, int(c.next-c.acked))
		c.next += size
	case c.fin && !c.finAcked && c.next == end:
		p.kind = typeFin
		c.next++
	case c.owed:
		p.kind = typeAck
	case probe && c.blocked():
		p.kind = typeData
	default:
		return nil
	}
	return p
}

// blocked reports whether data waits for space at the receiver, and nothing is on its way.
// The caller holds the lock.
func (c *Conn) blocked() bool {
	return c.next == c.acked && c.out.len() > 0 && c.next >= c.allowed
}

// again makes everything that was not acknowledged be sent again. What is behind the loss is
// dropped by the receiver, so that less is on its way until more is acknowledged. The caller
// holds the lock.
func (c *Conn) again() {
	c.next = c.acked
	c.flight = min(c.window, Window)
	c.timer.measured = 0
}

// finished reports whether a closed Conn has nothing left to do. The caller holds the lock.
func (c *Conn) finished(now time.Time) bool {
	if !c.closed || !c.drained() {
		return false
	}
	if c.lingered.IsZero() {
		c.lingered = now.Add(linger)
	}
	return c.ended && !c.owed || !now.Before(c.lingered)
}

// deliver takes a packet of the other member. It returns what is irregular about its arrival.
func (c *Conn) deliver(p *packet) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return nil
	case p.kind == typeReset:
		c.failLocked(ErrReset)
		return nil
	case p.ack > c.highest:
		c.failLocked(errFormat) // it acknowledges what was not sent
		return nil
	}
	irregular := c.arrivals.note(p.count)
	waiting := c.owedAt
	c.acknowledged(p)
	c.take(p)
	c.changed.Broadcast()
	if c.owed || c.owedAt != waiting || c.out.len() > 0 || c.fin {
		c.poke()
	}
	return irregular
}

// acknowledged removes what the other member has received. The caller holds the lock.
func (c *Conn) acknowledged(p *packet) {
	c.allowed = max(c.allowed, p.limit)
	switch {
	case p.ack > c.acked:
		n := p.ack - c.acked
		if n > uint64(c.out.len()) {
			n, c.finAcked = uint64(c.out.len()), true
		}
		c.out.drop(int(n))
		c.acked = p.ack
		c.flight = min(c.flight+n, c.window)
		c.next = max(c.next, c.acked)
		c.timer.measure(p.ack, time.Now())
		c.timer.at, c.timer.wait = time.Time{}, 0
	case p.missing && p.ack == c.acked && c.timer.repaired != c.acked+1:
		c.timer.repaired = c.acked + 1
		c.again()
	}
}

// take takes the data or the end in p, if it is next. The caller holds the lock.
func (c *Conn) take(p *packet) {
	if p.kind == typeAck {
		return
	}
	c.missing = c.missing || p.number > c.received
	if p.number != c.received || p.kind == typeFin || len(p.data) < maxData {
		c.owed = true
	}
	if p.number > c.received || c.ended {
		return
	}
	if p.kind == typeFin {
		if p.number == c.received {
			c.ended = true
			c.received++
		}
		return
	}
	old := c.received - p.number
	if old >= uint64(len(p.data)) {
		return
	}
	data := p.data[old:]
	data = data[:min(len(data), int(c.window)-c.in.len())]
	if !c.closed {
		c.in.append(data, int(c.window))
	}
	c.received += uint64(len(data))
	c.owe(len(data))
}

// owe makes an acknowledgement of n bytes due. The caller holds the lock.
func (c *Conn) owe(n int) {
	c.untold += n
	switch {
	case c.untold >= min(oneAck, int(c.window)/4):
		c.owed = true
	case c.owedAt.IsZero():
		c.owedAt = time.Now().Add(ackWait)
	}
}

// setUp is called when the other member can be reached, again perhaps, and when it cannot.
func (c *Conn) setUp(up bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away != nil {
		c.away.Stop()
		c.away = nil
	}
	c.up = up
	if c.err != nil {
		return
	}
	if !up {
		c.away = alarm.After(c.hub.opts.Patience, func() { c.fail(ErrGone) })
		return
	}
	c.resume(time.Now())
	c.poke()
}

// resume makes what was not acknowledged be sent again, and what has arrived be acknowledged: both
// may have been lost with the way to the other member. A relay that tells again and again that the
// member has joined causes it twice in leastWait at most. The caller holds the lock.
func (c *Conn) resume(now time.Time) {
	c.arrivals.anew = true
	owes := c.received > 0 || c.highest > 0
	if next := c.resumed.Add(leastWait); now.Before(next) {
		if c.timer.at.IsZero() || next.Before(c.timer.at) {
			c.timer.at = next // which is of no effect if nothing is on its way
		}
		if owes && c.owedAt.IsZero() {
			c.owedAt = next
		}
		return
	}
	c.resumed = now
	c.again()
	c.arrivals.restart()
	c.timer.at, c.timer.wait = time.Time{}, 0
	c.owed = owes
}
