package engine

import (
	"errors"
	"strings"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/dtls"
	"github.com/sealsock/sealsock/internal/record"
)

// run takes the records of datagrams of n bytes, of which the last may be smaller, lets the states
// act, and collects what is to be sent.
func (c *DatagramConn) run(now time.Time, datagrams []byte, n int) ([]Event, error) {
	clear(c.events)
	c.events = c.events[:0]
	if c.recv.err != nil {
		_ = c.apply() // the alert of an answer that refuses
		c.stop()
		return c.ended(c.recv.err)
	}
	err := c.advance(now)
	if err == nil {
		err = c.all(now, datagrams, n)
	}
	if err == nil {
		err = c.flush(now)
	}
	if err != nil && c.recv.err == nil {
		c.recv.fail(err)
	}
	if applied := c.apply(); err == nil {
		err = applied
	}
	if c.recv.err != nil {
		c.stop()
		return c.ended(c.recv.err)
	}
	return c.events, err
}

// records acts on the records of a datagram. RFC 9147, Section 4: behind one with the ID of another
// connection the rest is discarded.
func (c *DatagramConn) records(now time.Time, datagram []byte) error {
	c.keys.named = false
	for len(datagram) > 0 && c.recv.err == nil {
		rec, rest, ok := record.NextRecord(datagram, c.ids.length())
		if !ok || !c.ids.owns(rec.ConnectionID()) {
			break
		}
		datagram = rest
		if err := c.record(now, rec); err != nil {
			return err
		}
	}
	return c.heard(now)
}

// ended returns the events that came before the end, and its error.
func (c *DatagramConn) ended(err error) ([]Event, error) {
	if errors.Is(err, errEnded) {
		err = nil
	}
	var e *Error
	if errors.As(err, &e) && e.Remedy == RemedyLegacy { // which has no DTLS
		e.Remedy, e.Hint = RemedyNone, strings.TrimSuffix(strings.TrimSuffix(e.Hint, legacyHint), "; ")
	}
	return c.events, err
}

// stop drops what only a living connection needs.
func (c *DatagramConn) stop() {
	c.paths.check = nil
	c.held, c.ticketsDue = nil, 0
	c.flight.Clear()
	c.timer.Stop()
	c.ackAt, c.ackNow = time.Time{}, false
	c.assembler = dtls.Assembler{}
}

// advance lets the states act on the messages that are whole, until they need more.
func (c *DatagramConn) advance(now time.Time) error {
	for c.recv.err == nil {
		if err := c.collect(); err != nil {
			return err
		}
		if w, ok := c.recv.state.(waiter); ok {
			if q := w.question(); q != c.asked {
				c.asked = q
				c.events = append(c.events, Event{Kind: EventWaiting, Question: q})
			}
			return nil
		}
		more, err := c.act(now)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// act lets a state act once. It returns whether one could.
func (c *DatagramConn) act(now time.Time) (bool, error) {
	r := &c.recv
	if !r.started {
		r.started = true
		if s, ok := r.state.(starter); ok {
			do := r.effects()
			next, err := s.start(do)
			return true, r.advance(next, do, err)
		}
	}
	keys := c.keys.latest()
	if _, ok := r.state.(ccsHandler); ok {
		if !c.ccs {
			return false, nil
		}
		c.ccs = false
		if err := r.changeCipherSpec([]byte{1}); err != nil {
			return true, err
		}
		return true, c.checkPending(keys)
	}
	raw, ok := c.assembler.Take()
	if !ok {
		return false, nil
	}
	c.replied = true
	done := r.info.HandshakeDone
	if err := r.dispatch(newMessage(raw)); err != nil {
		return true, err
	}
	if !done && r.info.HandshakeDone {
		if err := c.finished(now); err != nil {
			return true, err
		}
	}
	return true, c.checkPending(keys)
}

// finished ends the handshake. In DTLS 1.3 the client's last flight is acknowledged. In DTLS 1.2
// nothing is sent again from now on; the last flight is kept, in case that the peer's Finished
// shows that it did not arrive.
func (c *DatagramConn) finished(now time.Time) error {
	c.keys.drop(phaseEarly) // whose data is not taken any more
	c.keys.supersede(now)
	switch {
	case c.recv.info.Version != iana.TLS12 && c.recv.client:
		return nil
	case c.recv.info.Version != iana.TLS12:
		return c.sendAck()
	}
	err := c.apply()
	c.timer.Stop()
	if c.replied {
		c.flight.Clear()
	}
	return err
}

// checkPending refuses messages of an old epoch behind a change of keys. RFC 9147, Section
// 5.2, has messages in order, so that they would be read under the new one.
func (c *DatagramConn) checkPending(before *epoch) error {
	if before != nil && before.phase == phaseApplication {
		return nil // see fragment
	}
	if c.keys.latest() != before && c.assembler.Pending() {
		return broken(iana.AlertUnexpectedMessage, "handshake messages continue after a key change")
	}
	return nil
}

// record acts on one record.
func (c *DatagramConn) record(now time.Time, rec record.DatagramRecord) error {
	r, ok, err := c.keys.open(rec)
	if err != nil || !ok {
		return err
	}
	return c.opened(now, r)
}

// opened acts on a record that was opened.
func (c *DatagramConn) opened(now time.Time, r received) error {
	if !c.authentic(now, r) {
		return nil
	}
	switch r.typ {
	case iana.ContentHandshake:
		if err := c.fragments(now, r); err != nil {
			return err
		}
		return c.advance(now)
	case iana.ContentAlert:
		return c.alert(r)
	case iana.ContentChangeCipherSpec:
		return c.changeCipherSpec(now, r)
	case iana.ContentACK:
		return c.ack(now, r)
	case iana.ContentApplicationData:
		return c.data(r)
	case iana.ContentRRC:
		return c.routability(r)
	}
	return c.unknown(r)
}

// unknown refuses a record of a type that is not expected.
func (c *DatagramConn) unknown(r received) error {
	if r.epoch == nil {
		return nil
	}
	return broken(iana.AlertUnexpectedMessage, "an encrypted record of type %d", uint8(r.typ))
}

// authentic notes what a record proves that only the peer can have made. It returns false for one
// in the clear, which anyone can have sent, on another path than the current one.
func (c *DatagramConn) authentic(now time.Time, r received) bool {
	e := r.epoch
	if e == nil {
		return !c.paths.elsewhere()
	}
	c.paths.note(r.number)
	if e.phase != phaseEarly { // which may be a replay from anywhere
		c.proved = true
	}
	if e == c.keys.latest() {
		c.keys.supersede(now)
		c.keys.expire(now)
	}
	return true
}

// encrypted reports whether records in the clear are of no use any more.
func (c *DatagramConn) encrypted() bool { return c.keys.latest() != nil }

// alert acts on an alert. Anyone can send one in the clear: it counts only as long as the
// peer has no other way.
func (c *DatagramConn) alert(r received) error {
	if r.epoch == nil && c.encrypted() {
		return nil
	}
	kind, err := c.recv.alert(r.payload)
	if err == nil && kind == EventClosed {
		c.events = append(c.events, Event{Kind: kind})
	}
	return err
}

// changeCipherSpec notes the change_cipher_spec of DTLS 1.2, which may overtake the messages
// before it. RFC 9147, Section 5: DTLS 1.3 has none, and ignores it.
func (c *DatagramConn) changeCipherSpec(now time.Time, r received) error {
	switch {
	case r.epoch != nil:
		return broken(iana.AlertUnexpectedMessage, "an encrypted change_cipher_spec")
	case c.encrypted() || c.recv.info.Version == iana.TLS13:
		return nil
	case len(r.payload) != 1 || r.payload[0] != 1:
		return illegal("a change_cipher_spec that is not the single byte 1")
	}
	c.ccs = true
	return c.advance(now)
}

// data acts on application data.
func (c *DatagramConn) data(r received) error {
	switch {
	case r.epoch == nil:
		return nil
	case c.recv.info.Version == iana.TLS12 && !c.recv.info.HandshakeDone:
		return nil // it has overtaken Finished
	case r.epoch.phase == phaseHandshake:
		return broken(iana.AlertUnexpectedMessage,
			"application data under a key of the handshake")
	case len(r.payload) == 0:
		return nil
	}
	early := r.epoch.phase == phaseEarly
	if early {
		if r.epoch.left -= int32(len(r.payload)); r.epoch.left < 0 {
			return overLimit(iana.AlertUnexpectedMessage, "early data exceeds the limit")
		}
	}
	c.recv.warnings = 0
	c.recv.tickets.received(len(r.payload))
	c.recv.requests.received(len(r.payload))
	c.recv.updates.received(len(r.payload))
	if c.recv.info.Version == iana.TLS12 {
		c.flight.Clear() // the peer has received Finished
	}
	c.events = append(c.events, Event{Kind: EventData, Data: r.payload, Early: early})
	return nil
}

// fragments adds the fragments of a record to their messages.
func (c *DatagramConn) fragments(now time.Time, r received) error {
	if c.recv.info.HandshakeDone && c.recv.info.Version == iana.TLS12 {
		return c.again12(now, r)
	}
	if r.epoch == nil && c.recv.info.HandshakeDone {
		return nil // anyone can have sent it: its ACK would displace the peer's numbers
	}
	if len(r.payload) == 0 {
		return c.emptyHandshake(r)
	}
	kept, dropped := false, false
	c.assembler.Begin(len(r.payload))
	defer c.assembler.Begin(0)
	for payload := r.payload; len(payload) > 0; {
		f, rest, ok := dtls.ParseFragment(payload)
		if !ok {
			return c.malformed(r)
		}
		payload = rest
		verdict, err := c.fragment(f, r)
		if err != nil {
			return err
		}
		kept = kept || verdict == dtls.Kept
		dropped = dropped || verdict == dtls.Dropped
	}
	c.noteFlight(now, kept, !dropped, r.number)
	return nil
}

// emptyHandshake refuses a record without a part of a message. RFC 9846, Section 5.1:
// "Implementations MUST NOT send zero-length fragments of Handshake types". Anyone can have sent
// one in the clear.
func (c *DatagramConn) emptyHandshake(r received) error {
	if r.epoch == nil {
		return nil
	}
	return broken(iana.AlertUnexpectedMessage, "an empty record of a handshake message")
}

// noteFlight notes that a record of the peer's flight has come: a part of it that is new, or
// all of it, so that it may be acknowledged.
func (c *DatagramConn) noteFlight(now time.Time, kept, all bool, n record.Number) {
	if all {
		c.acks.Add(n)
	}
	if c.recv.info.Version != iana.TLS13 {
		return
	}
	if kept && !c.recv.info.HandshakeDone {
		// RFC 9147, Section 7.1: a part of the peer's next flight acknowledges this
		// side's last one.
		// The timer runs on: what this side sends then is an ACK.
		c.flight.Clear()
		c.timer.Stop()
		c.timer.Start(now)
	}
	if all {
		c.ackAt = earlier(c.ackAt, now.Add(c.timer.Duration()/4))
	}
}

// fragment adds one fragment to its message.
func (c *DatagramConn) fragment(f dtls.Fragment, r received) (dtls.Verdict, error) {
	if int16(f.Seq-c.assembler.Next()) < 0 {
		return dtls.Old, nil
	}
	if r.epoch != c.keys.latest() {
		switch {
		case r.epoch == nil:
			return dtls.Dropped, nil // anyone can have sent it
		case r.epoch.phase == phaseApplication:
			// The peer may send messages under its old key until its KeyUpdate is
			// acknowledged. RFC 9147, Section 8.
			return c.assemble(f)
		}
		return dtls.Dropped, broken(iana.AlertUnexpectedMessage,
			"a handshake message under an earlier key")
	}
	return c.assemble(f)
}

// assemble adds a fragment that is authentic to its message.
func (c *DatagramConn) assemble(f dtls.Fragment) (dtls.Verdict, error) {
	if err := c.checkFragment(f); err != nil {
		return dtls.Dropped, err
	}
	verdict, err := c.assembler.Add(f, c.recv.maxMessage())
	switch {
	case errors.Is(err, dtls.ErrTooLong):
		err = overLimit(iana.AlertIllegalParameter,
			"a handshake message of %d bytes exceeds the limit of %d", f.Length, c.recv.maxMessage())
	case errors.Is(err, dtls.ErrMismatch):
		err = illegal("%v", err)
	}
	return verdict, err
}

// checkFragment is Receiver.checkPart for a fragment. What comes behind the next message may be of
// another state, but not on a connection that awaits no late authentication.
func (c *DatagramConn) checkFragment(f dtls.Fragment) error {
	switch s := c.recv.state.(type) {
	case waiter:
		return nil
	case *open13:
		if !s.late.expected() {
			return c.recv.checkAwaited(f.Type, f.Length)
		}
	}
	if f.Seq != c.assembler.Next() {
		return nil
	}
	return c.recv.checkAwaited(f.Type, f.Length)
}

// again12 acts on handshake messages on an open connection of DTLS 1.2. The peer's Finished
// means that it has not received the last flight: RFC 6347, Section 4.2.4. Those in the clear may
// be the rest of that flight, or may have been sent by anyone.
func (c *DatagramConn) again12(now time.Time, r received) error {
	if r.epoch == nil {
		return nil
	}
	if len(r.payload) == 0 {
		return c.emptyHandshake(r)
	}
	f, _, ok := dtls.ParseFragment(r.payload)
	switch {
	case !ok:
		return badFragment()
	case f.Type != iana.HandshakeFinished:
		return c.recv.dispatch(message{typ: f.Type, raw: wireHeader(f.Type)})
	case f.Offset == 0 && !c.flight.Empty():
		return c.again(now)
	}
	return nil
}

// wireHeader is the header of an empty message.
func wireHeader(typ iana.HandshakeType) []byte { return []byte{byte(typ), 0, 0, 0} }

// ack takes an ACK. RFC 9147, Section 7.
func (c *DatagramConn) ack(now time.Time, r received) error {
	numbers, ok, err := c.acked(r)
	if err != nil || !ok {
		return err
	}
	c.recv.cfg.trace(false, iana.ContentACK, r.payload)
	if c.flight.Ack(numbers) && c.flight.Empty() {
		c.answered()
	}
	return c.acknowledged()
}

// acked returns the records that an ACK is for, which may be none. It is not ok for one that is to
// be discarded: anyone can have sent one in the clear, which ends no connection.
func (c *DatagramConn) acked(r received) (numbers []record.Number, ok bool, err error) {
	switch {
	case r.epoch == nil && (c.recv.info.Version != iana.TLS13 || c.recv.info.HandshakeDone):
		return nil, false, nil
	case c.recv.info.Version != iana.TLS13:
		return nil, false, broken(iana.AlertUnexpectedMessage, "an ACK on a connection of DTLS 1.2")
	}
	numbers, ok = dtls.ParseAck(r.payload)
	var wrong *Error
	if !ok {
		wrong = broken(iana.AlertDecodeError, "a malformed ACK")
	}
	for _, n := range numbers {
		// RFC 9147, Section 7, with its erratum 8108: during the handshake an ACK has the
		// epoch of the records that it acknowledges, or a later one.
		if r.number.Epoch < epochApplication && n.Epoch > r.number.Epoch {
			wrong = illegal("an ACK in epoch %d for a record of epoch %d", r.number.Epoch, n.Epoch)
			break
		}
	}
	switch {
	case wrong == nil:
		return numbers, true, nil
	case r.epoch == nil:
		return nil, false, nil
	}
	return nil, false, wrong
}

// answered notes that the peer has received all that was sent.
func (c *DatagramConn) answered() {
	c.timer.Stop()
	if c.recv.client && c.recv.info.HandshakeDone {
		c.keys.drop(phaseHandshake) // the server has all of it, and sends none again
	}
}

// The epochs of 0-RTT data and of the first application data in DTLS 1.3. RFC 9147, Section
// 6.1.
const (
	epochEarly       = 1
	epochApplication = 3
)
