package engine

import (
	"errors"
	"slices"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
)

// epochs are the receiving keys of a connection of DTLS. Those of an earlier epoch stay for a
// while, because datagrams overtake each other. In a Receiver it stands in place of the one
// key of a stream.
type epochs struct {
	ids   *connectionIDs
	named bool     // a record of the datagram has had a connection ID of this side
	list  []*epoch // in order; at most maxEpochs
	next  *epoch   // memory for one more
}

// plainOpener opens records in the clear, for which it keeps nothing.
var plainOpener record.PlainDatagrams

// An epoch is a receiving key.
type epoch struct {
	record.DatagramOpener
	phase  phase
	left   int32     // bytes of 0-RTT data that may still come
	forged uint64    // records that could not be decrypted
	most   uint64    // of them; see suites.Forgeries
	until  time.Time // when the key is dropped; zero while it is not superseded
}

// Bounds of receiving keys.
const (
	// maxEpochs is how many keys are kept: those of 0-RTT data, of the handshake and of
	// data at the end of a handshake, and the next one of data.
	maxEpochs = 4
	// keepEpoch is how long a key is kept once there is a later one. RFC 9147, Section
	// 4.2.1: for "the default MSL", which is two minutes.
	keepEpoch = 2 * time.Minute
	// keepHandshake is how long a server keeps the key of a client's handshake. RFC 9147,
	// Section 5.8.1: "for at least twice the default MSL" it "MUST respond to retransmission
	// of the client's final flight with a retransmit of its ACK".
	keepHandshake = 2 * keepEpoch
)

// OpenTo is for a stream and never called.
func (e *epochs) OpenTo(_, _ []byte) (iana.ContentType, []byte, error) {
	return 0, nil, record.ErrBadMAC
}

// add takes keys into use, beside those that are there. The Receiver follows the newest.
func (e *epochs) add(keys []readKey, r *Receiver) {
	for _, k := range keys {
		r.phase = k.phase
		o, ok := k.opener.(record.DatagramOpener)
		if !ok {
			continue
		}
		room := e.room()
		*room = epoch{
			DatagramOpener: o, phase: k.phase, left: int32(k.limit),
			most: suites.Forgeries(r.info.CipherSuite),
		}
		e.list = append(e.list, room)
		if n := len(e.list) - maxEpochs; n > 0 {
			for i := range n {
				e.list[i].forget()
				e.list[i] = nil
			}
			e.list = e.list[n:]
		}
	}
	r.limitOpener()
	if r.phase == phaseApplication {
		r.scratch = nil
	}
}

// room returns memory for a key. Those of the handshake and of the first data share theirs.
func (e *epochs) room() *epoch {
	if e.list == nil {
		both := new(struct {
			epochs [2]epoch
			list   [2]*epoch
		})
		e.list, e.next = both.list[:0], &both.epochs[1]
		return &both.epochs[0]
	}
	if next := e.next; next != nil {
		e.next = nil
		return next
	}
	return new(epoch)
}

// latest is the newest key; nil while there is none.
func (e *epochs) latest() *epoch {
	if len(e.list) == 0 {
		return nil
	}
	return e.list[len(e.list)-1]
}

// supersede notes, when a record of the newest epoch has come, that the others are not needed
// for long.
func (e *epochs) supersede(now time.Time) {
	for _, old := range e.list[:len(e.list)-1] {
		if !old.until.IsZero() {
			continue
		}
		old.until = now.Add(keepEpoch)
		if old.phase == phaseHandshake {
			old.until = now.Add(keepHandshake)
		}
		old.rest()
	}
}

// deadline is when the first of the keys is to be dropped; zero for never.
func (e *epochs) deadline() (at time.Time) {
	for _, k := range e.list {
		at = earlier(at, k.until)
	}
	return at
}

// drop drops the keys of a phase.
func (e *epochs) drop(p phase) {
	e.list = slices.DeleteFunc(e.list, func(k *epoch) bool {
		if k.phase != p {
			return false
		}
		k.forget()
		return true
	})
}

// rest gives back the memory of the keys, which the next records make again.
func (e *epochs) rest() {
	for _, k := range e.list {
		k.rest()
	}
}

func (k *epoch) rest() {
	if o, ok := k.DatagramOpener.(*record.Opener13); ok {
		o.Rest()
	}
}

// forget drops a key, whose memory may be part of that of a key that stays: see room.
func (k *epoch) forget() {
	k.rest()
	k.DatagramOpener = nil
}

// expire drops the keys whose time is over.
func (e *epochs) expire(now time.Time) {
	e.list = slices.DeleteFunc(e.list, func(k *epoch) bool {
		if k.until.IsZero() || now.Before(k.until) {
			return false
		}
		k.forget()
		return true
	})
}

// limit makes the keys refuse records over a limit agreed on, but for that of 0-RTT data,
// which comes from an earlier handshake.
func (e *epochs) limit(n int) {
	for _, k := range e.list {
		if k.phase == phaseEarly {
			continue
		}
		switch o := k.DatagramOpener.(type) {
		case *record.Opener13:
			o.MaxInner = n
		case *record.Opener12:
			o.MaxPlain = n
		}
	}
}

// A received is a record that was opened.
type received struct {
	typ     iana.ContentType
	payload []byte
	number  record.Number
	epoch   *epoch // nil for one in the clear
}

// open opens a record. It is not ok if the record is to be discarded: RFC 9147, Section
// 4.5.2. An error ends the connection.
func (e *epochs) open(rec record.DatagramRecord) (r received, ok bool, err error) {
	if !rec.Unified && rec.Epoch == 0 {
		return e.openPlain(rec)
	}
	for i := len(e.list) - 1; i >= 0; i-- {
		k := e.list[i]
		if !rec.Matches(k.Epoch()) || !e.expects(rec, k) {
			continue
		}
		r.epoch = k
		r.typ, r.payload, r.number, err = k.open(rec)
		switch {
		case err == nil:
			e.use(rec.ConnectionID())
			return r, true, nil
		case errors.Is(err, record.ErrBadMAC):
			if k.forged++; k.forged >= k.most {
				return r, false, overLimit(iana.AlertBadRecordMAC,
					"%d records could not be decrypted with one key", k.forged)
			}
		case errors.Is(err, record.ErrNoType), errors.Is(err, record.ErrOverflow) && r.number != record.Number{}:
			return r, false, err // it is authentic
		}
		return r, false, nil
	}
	return r, false, nil
}

// open opens a record. The key of a handshake that is done rests behind one that it does not open:
// anyone can have sent it, and no other may follow.
func (k *epoch) open(
	rec record.DatagramRecord,
) (typ iana.ContentType, payload []byte, n record.Number, err error) {
	typ, payload, n, err = k.OpenDatagram(rec)
	if err != nil && k.phase == phaseHandshake && !k.until.IsZero() {
		k.rest()
	}
	return typ, payload, n, err
}

// openPlain is open for a record in the clear.
func (e *epochs) openPlain(rec record.DatagramRecord) (r received, ok bool, err error) {
	// RFC 9146, Section 3: "Plaintext payloads never use the new record format".
	if rec.Version>>8 != iana.DTLS12>>8 || rec.ConnectionID() != nil {
		return r, false, nil
	}
	r.typ, r.payload, r.number, err = plainOpener.OpenDatagram(rec)
	return r, err == nil, nil
}

// expects reports whether a record under a key has the connection ID that it must have. RFC
// 9146, Section 3: one without is invalid if an ID is expected. RFC 9147, Section 4: in DTLS
// 1.3 each datagram has it, so that records behind the first one may leave it out. 0-RTT data is
// sent before it is known.
func (e *epochs) expects(rec record.DatagramRecord, k *epoch) bool {
	switch {
	case rec.ConnectionID() != nil:
		return k.phase != phaseEarly
	case k.phase == phaseEarly:
		return true
	}
	return e.ids.length() == 0 || rec.Unified && e.named
}

// use notes the connection ID of a record that is authentic.
func (e *epochs) use(id []byte) {
	if id != nil {
		e.named = true
		e.ids.noteUse(id)
	}
}

// earlier returns the earlier of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
