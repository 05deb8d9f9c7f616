package engine

import (
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/dtls"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// Send appends one datagram with payload to dst, which must not overlap it. It takes at most
// 16,384 bytes, or fewer if the peer asked for that; MaxData is what fits into the MTU. An
// empty payload is sent, and discarded by most peers. Before the handshake is done it takes
// Early bytes of 0-RTT data; with none left it returns ErrNoEarlyData.
func (c *DatagramConn) Send(dst, payload []byte) ([]byte, error) {
	if err := c.usable(); err != nil {
		return dst, err
	}
	s := &c.send
	switch {
	case s.closed || c.recv.err != nil && !c.halfClosed():
		return dst, ErrClosed
	case len(payload) > s.max:
		return dst, usage("a message of %d bytes: a datagram holds at most %d", len(payload), s.max)
	}
	pad := c.padding(len(payload))
	if !c.proved {
		n := len(payload) + pad + c.sealer.DatagramOverhead()
		if n > c.granted {
			return dst, usage("the client's address is not proved yet: wait")
		}
		c.granted -= n
	}
	if err := s.spend(len(payload)); err != nil {
		return dst, err
	}
	if err := c.renew(); err != nil {
		return dst, err
	}
	if c.flight.Unsent() {
		if err := c.sendFlight(false); err != nil {
			return dst, err
		}
		c.timerDue = true
	}
	return c.seal(dst, iana.ContentApplicationData, payload, pad)
}

// padding is Sender.padding within what the MTU leaves beside n bytes of data.
func (c *DatagramConn) padding(n int) int {
	return max(0, min(c.send.padding(n), c.mtu-c.sealer.DatagramOverhead()-n))
}

// halfClosed reports whether the peer alone has closed its side.
func (c *DatagramConn) halfClosed() bool { _, err := c.ended(c.recv.err); return err == nil }

// seal appends a record.
func (c *DatagramConn) seal(
	dst []byte, typ iana.ContentType, payload []byte, pad int,
) ([]byte, error) {
	dst, _, err := c.sealer.SealDatagram(dst, typ, payload, pad)
	if err != nil {
		return dst, local("a record cannot be encrypted", err)
	}
	return dst, nil
}

// CloseNotify ends this direction: NextDatagram has the alert for the peer, which is not
// sent again if it is lost. Nothing can be sent after it.
func (c *DatagramConn) CloseNotify() error {
	if err := c.usable(); err != nil || c.send.closed {
		return err
	}
	return c.sendAlert(iana.AlertCloseNotify)
}

// Abort ends the connection with err, for a failure outside of the engine. NextDatagram has
// the alert for the peer: see EndWith. Receive then returns that error.
func (c *DatagramConn) Abort(err error) error {
	if e := c.usable(); e != nil || c.recv.err != nil {
		return e
	}
	c.recv.fail(err)
	applied := c.apply()
	c.stop()
	return applied
}

// apply carries out what the states have asked for.
func (c *DatagramConn) apply() error {
	steps := c.recv.out
	c.recv.out = nil
	for i := range steps {
		if c.send.closed {
			return nil
		}
		if err := c.step(&steps[i]); err != nil {
			return err
		}
	}
	if c.recv.out == nil && c.recv.phase != phaseApplication {
		clear(steps)
		c.recv.out = steps[:0] // memory for what comes next
	}
	return nil
}

func (c *DatagramConn) step(st *step) error {
	if c.hold(st) {
		return nil
	}
	switch st.kind {
	case stepHandshake:
		c.addMessages(st.message)
	case stepCCS:
		if st.message == nil {
			return nil // compatibility mode, which DTLS does not have
		}
		c.begin()
		c.send.cfg.trace(true, iana.ContentChangeCipherSpec, st.message)
		c.flight.AddChange(c.sealer)
	case stepAlert:
		return c.sendAlert(st.alert)
	case stepKeys:
		if s, ok := st.sealer.(record.DatagramSealer); ok {
			c.sealer = s
			c.identify()
		}
		c.send.suite, c.send.traffic, c.send.early = st.suite, st.traffic, 0
	case stepPlain:
		c.sealer = c.plain
		c.send.suite, c.send.traffic, c.send.early = nil, keys.TrafficSecret{}, 0
	case stepTickets:
		c.send.tickets = st.tickets
		return c.SendTickets(st.tickets.first)
	case stepAuth:
		raw, err := encode(&wire.Finished{VerifyData: c.send.traffic.Finished(nil, st.message)})
		if err != nil {
			return err
		}
		c.addMessages(raw)
	default:
		return c.otherStep(st)
	}
	return nil
}

// otherStep is step for what changes nothing in the flight.
func (c *DatagramConn) otherStep(st *step) error {
	switch st.kind {
	case stepKeyUpdate:
		return c.peerUpdated(st.answer)
	case stepConnectionID:
		c.identify()
		return c.answerIDs()
	}
	_, err := c.send.apply(nil, *st)
	return err
}

// addMessages adds handshake messages to the flight, which keeps them: they must not change.
func (c *DatagramConn) addMessages(raw []byte) {
	c.begin()
	c.send.cfg.traceMessages(raw)
	for len(raw) > 0 {
		_, n, _ := wire.ParseHeader(raw)
		n = min(n+wire.HeaderLen, len(raw))
		c.flight.Add(raw[:n:n], c.sealer)
		raw = raw[n:]
	}
}

// begin ends the last flight, if the peer has answered it: what is added now is the next one.
func (c *DatagramConn) begin() {
	if !c.replied {
		return
	}
	c.replied = false
	if c.recv.info.Version != 0 {
		c.plain.Version = iana.DTLS12 // a client's first ClientHello has DTLS 1.0
	}
	if c.sealer.Epoch() >= epochApplication {
		return // each message after the handshake is acknowledged for itself
	}
	c.flight.Clear()
	c.timer.Stop()
	c.acks.Clear()
	c.ackAt = time.Time{}
}

// sendAlert queues an alert; all but user_canceled and no_renegotiation end this side.
func (c *DatagramConn) sendAlert(a iana.Alert) error {
	ends := a != iana.AlertUserCanceled && a != iana.AlertNoRenegotiation
	level := byte(2)
	if a == iana.AlertCloseNotify || !ends {
		level = 1
	}
	if c.flight.Unsent() { // such as the Finished that comes before it
		if err := c.sendFlight(false); err != nil {
			return err
		}
	}
	payload := []byte{level, byte(a)}
	c.send.cfg.trace(true, iana.ContentAlert, payload)
	d, err := c.seal(nil, iana.ContentAlert, payload, 0)
	c.send.closed = c.send.closed || ends
	if err == nil {
		c.out = append(c.out, d)
	}
	return err
}

// flush makes datagrams of what is to be sent.
func (c *DatagramConn) flush(now time.Time) error {
	if c.send.closed || c.recv.err != nil {
		return nil
	}
	if c.ackNow {
		c.ackNow = false
		if err := c.sendAck(); err != nil {
			return err
		}
	}
	_, waits := c.recv.state.(waiter)
	if waits && !c.recv.info.HandshakeDone || !c.flight.Unsent() {
		return nil // the rest of a flight goes with its start
	}
	if err := c.sendFlight(false); err != nil {
		return err
	}
	if c.retransmits() {
		c.timer.Start(now)
	}
	return nil
}

// retransmits reports whether the flight is sent again until it is answered. The last one of
// DTLS 1.2 never is: RFC 6347, Section 4.2.4.
func (c *DatagramConn) retransmits() bool {
	return !c.recv.info.HandshakeDone || c.recv.info.Version == iana.TLS13
}

// sendFlight makes datagrams of the flight.
func (c *DatagramConn) sendFlight(again bool) error {
	mtu := c.mtu
	if !c.proved && c.granted >= minMTU {
		// What is sent at once lets the client answer, which proves its address.
		mtu = min(mtu, c.granted)
	}
	out, err := c.flight.Send(c.out, mtu, c.send.max, again)
	if err != nil {
		return local("a handshake message cannot be sent", err)
	}
	c.out = out
	return nil
}

// sendAck queues an ACK of the records with handshake messages that have come.
func (c *DatagramConn) sendAck() error {
	c.ackAt = time.Time{}
	if c.acks.Empty() || c.recv.info.Version != iana.TLS13 || c.sealer.Epoch() == epochEarly {
		return nil // records of the handshake are not acknowledged under the key of 0-RTT data
	}
	payload := c.acks.Message(min(c.mtu-c.sealer.DatagramOverhead(), c.send.max))
	c.send.cfg.trace(true, iana.ContentACK, payload)
	d, err := c.seal(nil, iana.ContentACK, payload, 0)
	if err == nil {
		c.out = append(c.out, d)
	}
	return err
}

// expire does what is due.
func (c *DatagramConn) expire(now time.Time) {
	c.keys.expire(now)
	if err := c.probe(now); err != nil {
		c.recv.fail(err)
		return
	}
	if c.timerDue {
		c.timerDue = false
		c.timer.Start(now)
	}
	if !c.ackAt.IsZero() && !now.Before(c.ackAt) {
		if err := c.sendAck(); err != nil {
			c.recv.fail(err)
			return
		}
	}
	if c.timer.Expired(now) {
		c.unanswered(c.timer.Backoff(now))
	}
}

// unanswered acts on the n-th time that the peer has not answered in time.
func (c *DatagramConn) unanswered(n int) {
	switch {
	case c.flight.Empty() && c.recv.info.HandshakeDone:
		c.timer.Stop()
		return
	case n > dtls.MaxTimeouts:
		c.giveUp()
		return
	case c.flight.Empty():
		// The peer's flight is not whole. An ACK lets it send the rest, also if it waits
		// for a proof that this side receives at its address.
		c.ackNow = true
		return
	}
	if n > 2 && c.mtu > LowMTU {
		c.mtu = LowMTU // RFC 9147, Section 4.4: large datagrams may be what is lost
	}
	if !c.proved && len(c.out) > 0 {
		return // what was to be sent could not be: its address is not proved
	}
	if err := c.sendFlight(true); err != nil {
		c.recv.fail(err)
	}
}

// giveUp ends the connection of a peer that does not answer. Tickets alone are given up.
func (c *DatagramConn) giveUp() {
	c.flight.Forget(iana.HandshakeNewSessionTicket)
	if c.flight.Empty() && c.recv.info.HandshakeDone {
		c.timer.Stop()
		if err := c.acknowledged(); err != nil {
			c.recv.fail(err)
		}
		return
	}
	c.recv.err = &Error{
		Fault: FaultTransport, Reason: "the peer does not answer: a flight of handshake " +
			"messages was sent again and again",
		Hint: "check the address and port, and whether datagrams of the MTU arrive",
	}
	c.recv.state, c.send.closed = nil, true
}

// again sends the last flight of DTLS 1.2 again. How often is bounded by the number of
// timeouts that a handshake has.
func (c *DatagramConn) again(now time.Time) error {
	if c.timer.Backoff(now) > dtls.MaxTimeouts {
		c.flight.Clear()
		c.timer.Stop()
		return nil
	}
	c.timer.Pause()
	return c.sendFlight(true)
}

// SendTickets sends n tickets for the client to resume with, on a server of DTLS 1.3: see
// Sender.SendTickets.
func (c *DatagramConn) SendTickets(n int) error {
	if err := c.usable(); err != nil {
		return err
	}
	if c.update.sent {
		// The peer takes no other message under the key that the KeyUpdate ends.
		c.ticketsDue = min(c.ticketsDue+max(n, 0), ticketRate.burst)
		return nil
	}
	raw, err := c.send.makeTickets(n)
	if err == nil && len(raw) > 0 {
		c.addMessages(raw)
	}
	return err
}

// A keyUpdate is a change of this side's sending key. RFC 9147, Section 8: the new key is
// taken into use when the message is acknowledged, and there is one at a time.
type keyUpdate struct {
	seq     uint16
	sent    bool // and not acknowledged
	again   bool // another one is due afterwards
	request bool // which asks the peer for new keys
}

// Rekey changes the sending key and, if both is set, asks the peer to change its own. It
// needs DTLS 1.3 and a handshake that is done. The old key is used until the peer has
// acknowledged the change.
func (c *DatagramConn) Rekey(now time.Time, both bool) error {
	if err := c.usable(); err != nil {
		return err
	}
	s := &c.send
	switch {
	case s.closed || c.recv.err != nil:
		return ErrClosed
	case !c.recv.info.HandshakeDone || !s.traffic.Valid():
		return usage("keys can be updated only on an open connection of DTLS 1.3")
	}
	if err := s.updates.pace(updateRate, 1, s.cfg.Now); err != nil {
		return err
	}
	if err := c.keyUpdate(both); err != nil {
		return err
	}
	return c.flush(now)
}

// renew changes the key in time. RFC 9147, Section 4.5.3.
func (c *DatagramConn) renew() error {
	s := &c.send
	switch {
	case !s.traffic.Valid() || !c.recv.info.HandshakeDone:
		return nil
	case c.answerDue:
		c.answerDue = false
		return c.keyUpdate(false)
	case c.update.sent:
		return nil
	}
	left := c.sealer.Left()
	if left > renewBefore && (s.perKey == 0 || s.suite.RecordLimit-left < s.perKey) {
		return nil
	}
	return c.keyUpdate(false)
}

// renewBefore is how many records before a key's end it is replaced. The replacement takes a round
// trip, or seconds if a KeyUpdate is lost, and batches send hundreds of thousands of records in a
// second meanwhile. Each suite protects at least eight times as many.
const renewBefore = 1 << 20

// peerUpdated notes that the peer has changed its key, and perhaps asks this side to do so.
func (c *DatagramConn) peerUpdated(answer bool) error {
	c.send.asked = false
	c.answerDue = c.answerDue || answer // with the next data: RFC 9846, Section 4.6.3
	return nil
}

// keyUpdate sends a KeyUpdate, or one later if something is on the way.
func (c *DatagramConn) keyUpdate(request bool) error {
	if c.update.sent || !c.flight.Empty() {
		c.update.again = true
		c.update.request = c.update.request || request
		return nil
	}
	request = request && !c.send.asked
	c.send.asked = c.send.asked || request
	raw, err := encode(&wire.KeyUpdate{RequestUpdate: request})
	if err != nil {
		return err
	}
	c.send.cfg.traceMessages(raw)
	c.begin()
	c.update = keyUpdate{seq: c.flight.Add(raw, c.sealer), sent: true}
	return nil
}

// acknowledged takes the next sending key into use if its KeyUpdate was acknowledged.
func (c *DatagramConn) acknowledged() error {
	if c.update.sent && !c.flight.Holds(c.update.seq) {
		if err := c.nextKey(); err != nil {
			return err
		}
		if err := c.release(); err != nil {
			return err
		}
	}
	if n := c.ticketsDue; n > 0 && !c.update.sent {
		c.ticketsDue = 0
		if err := c.SendTickets(n); err != nil {
			return err
		}
	}
	if err := c.answerIDs(); err != nil {
		return err
	}
	if u := c.update; !u.sent && u.again && c.flight.Empty() {
		c.update = keyUpdate{}
		return c.keyUpdate(u.request)
	}
	return nil
}

// nextKey takes the next sending key into use.
func (c *DatagramConn) nextKey() error {
	next := c.send.traffic.Next()
	sealer, err := record.NewSealer13(c.send.suite, next)
	if err != nil {
		return local("the cipher cannot be set up", err)
	}
	c.sealer, c.send.traffic, c.update.sent = sealer, next, false
	c.identify()
	return nil
}
