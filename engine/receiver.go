package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// A Receiver is the receiving half of a connection and its state machine. It is
// for one goroutine at a time; once the handshake is done, that may be another
// one than the Sender's.
type Receiver struct {
	cfg   *Config
	state state
	err   error // final

	opener record.Opener

	fragment []byte   // a handshake message that is not whole yet
	scratch  *effects // for the next state of the handshake
	queue    []Event  // to be returned before more is read
	out      []step   // for the next event's Reply
	info     State

	maxInner int32 // bytes of inner plaintext in a record, 0 for the protocol's own limit
	early    int32 // bytes of 0-RTT data that may still come
	skip     int   // bytes of refused 0-RTT records that may still be passed over

	phase      phase
	client     bool // this side is the client
	started    bool
	sawRecord  bool  // the peer has sent at least one record
	ccsAllowed bool  // a compatibility change_cipher_spec may come
	idle       uint8 // records in a row that brought nothing
	warnings   uint8 // warning alerts in a row

	tickets, requests, updates allowance // what may come after the handshake
}

// Limits on what a peer may send without progress.
const (
	maxIdleRecords = 32
	maxWarnings    = 4
)

// Receive takes bytes from the peer, from where the last call left off, and
// processes at most one record. It returns the number of bytes consumed and the
// event. It decrypts in place: Event.Data aliases in. On a client, the first call,
// with no bytes, starts the handshake. An error is final; Event.Reply is to be
// sent even then.
func (r *Receiver) Receive(in []byte) (n int, ev Event, err error) {
	n, err = r.ReceiveTo(&ev, nil, in)
	return n, ev, err
}

// ReceiveTo is Receive, but writes the event to ev, and decrypts application data to the start of
// out if that has room for all of the record: Event.Data aliases out then, and else in. What else
// out holds afterwards is undefined, also after an error. out must not overlap in.
func (r *Receiver) ReceiveTo(ev *Event, out, in []byte) (n int, err error) {
	if ev == nil {
		return 0, errNoEvent
	}
	*ev = Event{}
	if r == nil {
		return 0, errNoReceiver
	}
	if r.err == nil {
		n, err = r.step(out, in, ev)
		if err != nil {
			err = r.fail(err)
		}
	} else if err = r.err; errors.Is(err, errEnded) {
		ev.Kind = EventClosed
		return 0, nil
	}
	ev.Reply = r.reply()
	return n, err
}

var errNoEvent = usage("ReceiveTo needs an Event to write to")

var errNoReceiver = usage("this Receiver is nil: one comes from Client or Server")

// errEnded marks the end after close_notify.
var errEnded = errors.New("tls: the peer closed its side of the connection")

// Resume gives the answer to the question of the last EventWaiting. Then call Receive,
// also after a refusal: an answer that refuses, is for another question, or leads to
// another failure, is the next error of Receive, which comes with the alert to send.
// Resume itself fails only if no question is open.
func (r *Receiver) Resume(a Answer) error {
	if r == nil {
		return errNoReceiver
	}
	w, ok := r.state.(waiter)
	if !ok || r.err != nil {
		return usage("no request waits for an answer")
	}
	r.state = nil
	do := r.effects()
	next, err := w.resume(a, do)
	if err := r.advance(next, do, err); err != nil {
		r.fail(err)
	}
	return nil
}

// Settled reports whether State will not change any more: the handshake is done
// and no late authentication can come. Then State may be read from anywhere.
func (r *Receiver) Settled() bool {
	return r != nil && r.info.HandshakeDone && r.info.late == nil
}

// State returns what is known of the connection so far.
func (r *Receiver) State() State {
	if r == nil {
		return State{}
	}
	return r.info
}

// Pending reports whether Receive has something to return without more bytes.
func (r *Receiver) Pending() bool {
	if r == nil {
		return false
	}
	_, asks := r.state.(waiter)
	return len(r.queue) > 0 || len(r.out) > 0 || !r.started || asks
}

// Idle reports whether Receive, on an open connection, would only ask for more if it was given
// no bytes. Between two records that is so, unless a message of the handshake has come in part.
func (r *Receiver) Idle() bool {
	return r != nil && r.err == nil && r.phase == phaseApplication && len(r.fragment) == 0 &&
		!r.Pending()
}

// fail makes an error final and queues its alert.
func (r *Receiver) fail(err error) error {
	e := asError(err)
	if e.Fault != FaultAlert {
		if e.Alert == iana.AlertCloseNotify {
			// An error of a callback's that names no alert must not look
			// to the peer like an orderly end.
			named := *e
			named.Alert, e = iana.AlertInternalError, &named
		}
		r.out = append(r.out, step{kind: stepAlert, alert: e.Alert})
		if e.Alert == iana.AlertNoRenegotiation {
			// RFC 5246, Section 7.2.2: "This message is always a warning." The end needs
			// an alert of its own.
			r.out = append(r.out, step{kind: stepAlert, alert: iana.AlertHandshakeFailure})
		}
	}
	if len(r.info.sessionID) > 0 && r.cfg.SessionIDs != nil {
		// RFC 5246, Section 7.2.2: both sides MUST forget the session of a
		// connection that ended in a fatal alert. A process that took the
		// connection over may keep no sessions.
		r.cfg.SessionIDs.Forget(r.info.sessionID)
	}
	r.err, r.state, r.queue, r.fragment = e, nil, nil, nil
	return e
}

// step does one thing: it gives a queued event, continues after a question, or processes one
// record. The event is passed by reference, and below by its parts, because it is large.
func (r *Receiver) step(out, in []byte, ev *Event) (n int, err error) {
	if !r.started {
		r.started = true
		if s, ok := r.state.(starter); ok {
			do := r.effects()
			next, err := s.start(do)
			return 0, r.advance(next, do, err)
		}
	}
	if len(r.queue) > 0 {
		*ev = r.queue[0]
		if r.queue = r.queue[1:]; len(r.queue) == 0 {
			r.queue = nil // it would keep the sessions that it held
		}
		return 0, nil
	}
	if w, ok := r.state.(waiter); ok {
		ev.Kind, ev.Question = EventWaiting, w.question()
		return 0, nil
	}
	if m, ok := r.nextMessage(); ok {
		return 0, r.dispatch(m)
	}
	if err := r.checkPart(); err != nil {
		return 0, err
	}
	h, need, err := r.frame(in)
	if need > 0 || err != nil {
		ev.Kind, ev.Need = EventWantRead, need
		return 0, err
	}
	n = record.HeaderLen + h.Length
	ev.Kind, ev.Data, err = r.open(h, in[:n], out)
	ev.Early = ev.Kind == EventData && r.phase == phaseEarly
	return n, err
}

// dispatch gives one whole message to the state.
func (r *Receiver) dispatch(m message) error {
	r.cfg.trace(false, iana.ContentHandshake, m.raw)
	s, ok := r.state.(handler)
	if !ok || !slices.Contains(s.awaits(), m.typ) {
		return unexpected(r.state, m.typ.String())
	}
	if err := r.allow(m); err != nil {
		return err
	}
	r.state = nil // a state is used once
	do := r.effects()
	next, err := s.handle(m, do)
	return r.advance(next, do, err)
}

// frame looks for a whole record at the start of in. need is how many bytes it
// takes to see more.
func (r *Receiver) frame(in []byte) (h record.Header, need int, err error) {
	if !r.sawRecord && len(in) > 0 {
		if err := r.sniff(in); err != nil {
			return h, 0, err
		}
	}
	h, ok := record.ParseHeader(in)
	if !ok {
		return h, record.HeaderLen, nil
	}
	if h.Type < iana.ContentChangeCipherSpec || h.Type > iana.ContentApplicationData {
		return h, 0, broken(iana.AlertUnexpectedMessage, "a record of unknown type %d", uint8(h.Type))
	}
	if h.Version < iana.SSL30 {
		// RFC 9846, Section 5.1, has the version "ignored for all purposes", and
		// Appendix D.5 excepts those below 0x0300, which are not to be accepted.
		return h, 0, broken(iana.AlertProtocolVersion, "a record of unknown version 0x%04x", uint16(h.Version))
	}
	if h.Length > r.maxRecord(h.Type) {
		return h, 0, fmt.Errorf("%d bytes: %w", h.Length, record.ErrOverflow)
	}
	if len(in) < record.HeaderLen+h.Length {
		return h, record.HeaderLen + h.Length, nil
	}
	r.sawRecord = true
	return h, 0, nil
}

// maxRecord is the limit for the payload of a record, in bytes. Those of 0-RTT data that a
// HelloRetryRequest has refused are encrypted, while this side has no key yet.
func (r *Receiver) maxRecord(typ iana.ContentType) int {
	if r.phase == phasePlain && (r.skip == 0 || typ != iana.ContentApplicationData) {
		return record.MaxPlaintext
	}
	return record.MaxCiphertext
}

// open opens one record and acts on its type. It returns what kind of event that is, and the
// application data.
func (r *Receiver) open(h record.Header, rec, out []byte) (EventKind, []byte, error) {
	if r.info.Version == iana.TLS12 {
		return r.open12(h, rec, out)
	}
	if h.Type == iana.ContentChangeCipherSpec {
		return EventProgress, nil, r.compatibilityCCS(rec[record.HeaderLen:])
	}
	if r.phase != phasePlain && h.Type != iana.ContentApplicationData {
		return EventProgress, nil, r.plainAfterKeys(h, rec)
	}
	if r.skip > 0 && r.phase == phasePlain && h.Type == iana.ContentApplicationData {
		return EventProgress, nil, r.passOver(len(rec)) // after a HelloRetryRequest
	}
	typ, payload, err := r.decrypt(rec, out)
	if err != nil {
		if r.skip > 0 && r.phase == phaseHandshake && errors.Is(err, record.ErrBadMAC) {
			return EventProgress, nil, r.passOver(len(rec))
		}
		return EventProgress, nil, err
	}
	if r.phase != phasePlain {
		r.skip = 0 // the client uses the right key now
	}
	if len(r.fragment) > 0 && typ != iana.ContentHandshake {
		// RFC 9846, Section 5.1: "there MUST NOT be any other records between them".
		return EventProgress, nil, broken(iana.AlertUnexpectedMessage,
			"a record of type %v inside a handshake message", typ)
	}
	switch typ {
	case iana.ContentAlert:
		kind, err := r.alert(payload)
		return kind, nil, err
	case iana.ContentHandshake:
		return EventProgress, nil, r.handshake(payload)
	case iana.ContentApplicationData:
		return r.data(payload)
	}
	return EventProgress, nil, broken(iana.AlertUnexpectedMessage,
		"an encrypted record of type %d", uint8(typ))
}

// passOver drops a record of n bytes of refused 0-RTT data. RFC 9846, Section 4.2.10. What is
// around the data does not count, because it does not count against the client's limit either.
func (r *Receiver) passOver(n int) error {
	if r.skip -= max(1, n-earlyOverhead); r.skip <= 0 {
		return overLimit(iana.AlertUnexpectedMessage, "rejected early data exceeds the limit")
	}
	return nil
}

// earlyOverhead is a record's header, content type and tag, in bytes.
const earlyOverhead = record.HeaderLen + 1 + suites.MaxTag

// plainAfterKeys treats a record in the clear where encrypted ones are due. An
// alert may come from a peer that could not set up its keys. Anything else is a record
// of an unexpected type: RFC 9846, Section 5: "If a TLS implementation receives an
// unexpected record type, it MUST terminate the connection with an "unexpected_message"
// alert."
func (r *Receiver) plainAfterKeys(h record.Header, rec []byte) error {
	if h.Type == iana.ContentAlert && r.phase == phaseHandshake && h.Length == 2 {
		_, err := r.alert(rec[record.HeaderLen:])
		return err
	}
	return broken(iana.AlertUnexpectedMessage,
		"an unencrypted record of type %v after the change to encryption", h.Type)
}

// compatibilityCCS drops the change_cipher_spec that RFC 9846, Section 5 and
// Appendix D.4 let through: the single byte 1, after the first ClientHello and
// before the peer's Finished. It is part of TLS 1.3: where that is not offered, one
// before the ServerHello is out of order.
func (r *Receiver) compatibilityCCS(payload []byte) error {
	disguise := r.ccsAllowed && !r.info.HandshakeDone && slices.Contains(r.cfg.versions(), iana.TLS13)
	if len(payload) != 1 || payload[0] != 1 || !disguise || len(r.fragment) > 0 {
		return broken(iana.AlertUnexpectedMessage, "an unexpected change_cipher_spec")
	}
	return r.nothing()
}

// nothing counts records that bring nothing, and limits how many come in a row.
func (r *Receiver) nothing() error {
	if r.idle++; r.idle > maxIdleRecords {
		return overLimit(iana.AlertUnexpectedMessage, "%d consecutive records without content", r.idle)
	}
	return nil
}

// alert acts on an alert record. RFC 9846, Section 6.
func (r *Receiver) alert(payload []byte) (EventKind, error) {
	if len(payload) != 2 {
		return EventProgress, r.wrongAlert(payload)
	}
	r.cfg.trace(false, iana.ContentAlert, payload)
	level, desc := payload[0], iana.Alert(payload[1])
	switch {
	case desc == iana.AlertCloseNotify && r.info.HandshakeDone:
		// Before the handshake is done it is a refusal, not an orderly end.
		r.err, r.state = errEnded, nil
		return EventClosed, nil
	case desc == iana.AlertUserCanceled && level == 1:
		// It only announces the close_notify that follows.
		return EventProgress, r.warning(desc)
	case level != 1 && level != 2:
		return EventProgress, illegal("an alert of level %d", level)
	case level == 1 && r.info.Version != iana.TLS13 && desc != iana.AlertCloseNotify:
		return EventProgress, r.warning(desc)
	}
	return EventProgress, &Error{
		Fault: FaultAlert, Alert: desc, Reason: alertMeaning(desc),
		Hint: alertHint(desc), Remedy: alertRemedy(desc),
	}
}

// wrongAlert is the error for an alert record of a wrong length.
func (r *Receiver) wrongAlert(payload []byte) error {
	if len(payload) == 0 && r.info.Version != iana.TLS12 && r.phase != phasePlain {
		// RFC 9846, Section 5.4, of Handshake and Alert records without content: "if such
		// a message is received, the receiving implementation MUST terminate the
		// connection with an "unexpected_message" alert."
		return broken(iana.AlertUnexpectedMessage, "an empty alert record")
	}
	return broken(iana.AlertDecodeError, "an alert of %d bytes", len(payload))
}

// handshake collects handshake bytes. Messages alias the copy that it makes.
func (r *Receiver) handshake(payload []byte) error {
	if len(payload) == 0 {
		// RFC 9846, Section 5.1: "Implementations MUST NOT send
		// zero-length fragments of Handshake types".
		return broken(iana.AlertUnexpectedMessage, "an empty handshake record")
	}
	r.idle = 0
	r.fragment = append(r.fragment, payload...) // messages taken off it are in front and clipped
	if err := r.checkSize(); err != nil {
		return err
	}
	if m, ok := r.nextMessage(); ok {
		return r.dispatch(m)
	}
	return nil
}

// checkPart refuses a part of a message that an open connection does not await, or awaits
// shorter: without a deadline this side would keep the part for as long as the connection lives.
func (r *Receiver) checkPart() error {
	if typ, size, ok := wire.ParseHeader(r.fragment); ok {
		return r.checkAwaited(typ, size)
	}
	return nil
}

// checkAwaited is checkPart for the header of a message.
func (r *Receiver) checkAwaited(typ iana.HandshakeType, size int) error {
	if !r.info.HandshakeDone {
		return nil
	}
	s, is := r.state.(handler)
	switch {
	case !is || !slices.Contains(s.awaits(), typ):
		return unexpected(r.state, typ.String())
	case size != 1 && (typ == iana.HandshakeKeyUpdate || typ == iana.HandshakeRequestConnectionID):
		return broken(iana.AlertDecodeError, "a %v of %d bytes", typ, size)
	case typ == iana.HandshakeNewConnectionID && size > maxIDsMessage:
		return overLimit(iana.AlertIllegalParameter,
			"a %v of %d bytes exceeds the limit of %d", typ, size, maxIDsMessage)
	}
	if s, is := s.(*open12); is {
		_, err := s.handle(message{}, nil) // which refuses every message
		return err
	}
	return nil
}

// checkSize refuses a message that is longer than the limit, before it is whole.
func (r *Receiver) checkSize() error {
	if _, size, ok := wire.ParseHeader(r.fragment); ok && size > r.maxMessage() {
		return overLimit(iana.AlertIllegalParameter,
			"a handshake message of %d bytes exceeds the limit of %d", size, r.maxMessage())
	}
	return nil
}

// maxMessage is the limit for the next message, in bytes.
func (r *Receiver) maxMessage() int {
	switch r.state.(type) {
	case *awaitClientHello, *awaitSecondClientHello:
		return r.cfg.maxClientHello()
	}
	return r.cfg.maxMessage()
}

// nextMessage takes a whole message off the fragment, if there is one.
func (r *Receiver) nextMessage() (message, bool) {
	_, size, ok := wire.ParseHeader(r.fragment)
	if !ok || len(r.fragment) < wire.HeaderLen+size {
		return message{}, false
	}
	m := newMessage(r.fragment[: wire.HeaderLen+size : wire.HeaderLen+size])
	if r.fragment = r.fragment[wire.HeaderLen+size:]; len(r.fragment) == 0 {
		r.fragment = nil
	}
	return m, true
}

// data returns application data.
func (r *Receiver) data(payload []byte) (EventKind, []byte, error) {
	if r.phase != phaseApplication && r.phase != phaseEarly {
		return EventProgress, nil, broken(iana.AlertUnexpectedMessage,
			"application data before the end of the handshake")
	}
	if len(payload) == 0 {
		return EventProgress, nil, r.nothing()
	}
	r.idle, r.warnings = 0, 0
	r.tickets.received(len(payload))
	r.requests.received(len(payload))
	r.updates.received(len(payload))
	if r.phase == phaseEarly {
		// RFC 9846, Section 4.2.10: more than max_early_data_size ends in
		// unexpected_message.
		if r.early -= int32(len(payload)); r.early < 0 {
			return EventProgress, nil, overLimit(iana.AlertUnexpectedMessage,
				"early data exceeds the limit")
		}
	}
	return EventData, payload, nil
}
