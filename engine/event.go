package engine

import (
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
)

// An EventKind is the kind of an Event.
type EventKind uint8

// The kinds of event.
const (
	// EventProgress: something was done; call Receive again with the rest.
	EventProgress EventKind = iota
	// EventWantRead: more bytes are needed; Event.Need is how many at
	// least.
	EventWantRead
	// EventData: Event.Data is application data.
	EventData
	// EventHandshakeDone: the peer is proved and both directions carry
	// application data from now on.
	EventHandshakeDone
	// EventWaiting: Event.Question must be answered with Resume.
	EventWaiting
	// EventSession: Event.Session may be used for resumption. A server sends
	// several; each is best used once.
	EventSession
	// EventEarlyAccepted and EventEarlyRejected report, on a client, what became
	// of its 0-RTT data. The server has not read rejected data. Once the handshake
	// is done it may be sent again, but not without the application's consent if
	// State.ALPN is not State.EarlyALPN. RFC 9846, Section 4.2.10.
	EventEarlyAccepted
	EventEarlyRejected
	// EventEarlyDone: on a server, the client's 0-RTT data has ended.
	EventEarlyDone
	// EventClientAuth: on a server, the client has answered the request that
	// Event.Context names. State holds what it has proved to be, unless it
	// declined: see Event.Declined.
	EventClientAuth
	// EventAuthAnswered: on a client, the server's request that Event.Context
	// names is answered. State holds what this side has shown.
	EventAuthAnswered
	// EventClosed: the peer sent close_notify: no data will follow.
	EventClosed
	// EventMoved: the peer of a DatagramConn has proved that it receives on another path:
	// DatagramConn.Path.
	EventMoved

	eventTransport // Data is the peer's transport parameters, in QUIC
)

// An Event is the result of one step.
type Event struct {
	Kind EventKind
	// Data is application data. It aliases the bytes given to Receive.
	Data []byte
	// Early marks Data as 0-RTT data, which an attacker may have replayed.
	Early bool
	// Need is, for EventWantRead, the least number of bytes that Receive needs
	// at once, including those it was given.
	Need int
	// Context is which request EventClientAuth or EventAuthAnswered is about.
	// Declined is true, with EventClientAuth, if the client showed nothing: what
	// it had proved before remains valid.
	Context  []byte
	Declined bool
	// Session is what EventSession brings.
	Session *Session
	// Question is what EventWaiting waits for.
	Question Question
	// Reply must be handed to the Sender for every kind, and also when
	// Receive returns an error: it may hold the alert.
	Reply Outgoing
}

// An Outgoing is work of the receiving half for the sending half: messages to send
// and keys to change, in order. Nothing else passes between them in that direction.
type Outgoing struct{ steps []step }

// Empty reports whether there is nothing to do.
func (o Outgoing) Empty() bool { return len(o.steps) == 0 }

// Urgent reports whether it must be applied now, and not only before what is sent
// next. What may wait is the answer to a key update, a client's change_cipher_spec,
// whose place is in front of its second flight (RFC 9846, Appendix D.4), and how to
// seal what follows: a key, a limit.
func (o Outgoing) Urgent() bool {
	for _, s := range o.steps {
		switch s.kind {
		case stepKeyUpdate, stepCCS, stepKeys, stepLimit, stepPlain:
		default:
			return true
		}
	}
	return false
}

// Add puts what p asks for behind what o does already, for callers that
// collect before they send. Several requests for new keys in a row are answered
// by one update. RFC 9846, Section 4.6.3.
func (o *Outgoing) Add(p Outgoing) {
	if p.Empty() {
		return
	}
	switch n := len(o.steps); {
	case o.Empty():
		o.steps = p.steps
		return
	case n < cap(o.steps) && &o.steps[:n+1][n] == &p.steps[0] && p.steps[0].kind != stepKeyUpdate:
		o.steps = o.steps[:n+len(p.steps)] // p continues o in the memory of the Receiver
		return
	}
	o.steps = slices.Clip(o.steps)
	for _, s := range p.steps {
		if n := len(o.steps); n > 0 && s.kind == stepKeyUpdate && o.steps[n-1].kind == stepKeyUpdate {
			o.steps[n-1].answer = o.steps[n-1].answer || s.answer
			continue
		}
		o.steps = append(o.steps, s)
	}
}

type stepKind uint8

const (
	stepHandshake    stepKind = iota + 1 // send handshake messages
	stepCCS                              // send change_cipher_spec, for middleboxes or TLS 1.2
	stepAlert                            // send an alert; a fatal one ends the half
	stepKeys                             // change the key
	stepReady                            // application data may be sent from now on
	stepLimit                            // the peer takes records of this size at most
	stepPlain                            // go back to no key, after 0-RTT data was refused
	stepEarly                            // 0-RTT data may be sent
	stepTickets                          // tickets can be made from now on
	stepLate                             // the client takes late requests for its certificate
	stepAuth                             // end a late authentication with Finished
	stepKeyUpdate                        // the peer changed its key and may ask for an answer
	stepConfig                           // continue with another Config
	stepConnectionID                     // the connection IDs in use have changed
)

// A step is one entry of an Outgoing.
type step struct {
	kind    stepKind
	alert   iana.Alert
	answer  bool   // of stepKeyUpdate: the peer asks for new keys of this side
	message []byte // of stepAuth: the hash of the transcript
	sealer  record.Sealer
	suite   *suites.Suite
	traffic keys.TrafficSecret
	limit   int
	tickets *ticketer
	cfg     *Config
}

// effects is what a state asks the driver to do, in order. The driver applies
// them only if the state returned no error.
type effects struct {
	out      []step // behind what the driver has to send already
	last     []byte // the message in front of them, which compose continues
	room     int    // bytes that the messages to come have, about; 0 if it is not known
	events   []Event
	keys     []readKey
	cfg      *Config // to continue with; nil leaves it
	maxInner int     // for records received from now on; 0 leaves it
	skip     int     // bytes of 0-RTT records to pass over
	turn     bool    // the peer must wait for what is sent now
}

// newEffects returns effects with room for those of a handshake. Nothing of it is used
// twice but for the keys: what was sent and reported belongs to the caller.
func newEffects() *effects {
	room := new(struct {
		own    effects
		steps  [8]step
		events [1]Event
		keys   [1]readKey
	})
	room.own = effects{out: room.steps[:0], events: room.events[:0], keys: room.keys[:0]}
	return &room.own
}

// A readKey is a change of the receiving key.
type readKey struct {
	opener  record.Opener
	suite   *suites.Suite
	traffic keys.TrafficSecret // in TLS 1.3
	phase   phase
	limit   int // bytes of 0-RTT data
}

// A phase is what the receiving half accepts besides handshake messages.
type phase uint8

const (
	phasePlain       phase = iota // before any key
	phaseHandshake                // under handshake keys: no application data
	phaseEarly                    // 0-RTT data
	phaseApplication              // application data, in TLS 1.2 once the handshake is done
)

// reset makes e that of a new state, which sends behind out.
func (e *effects) reset(out []step) *effects {
	clear(e.keys)
	*e = effects{out: out, events: e.events[:0], keys: e.keys[:0]}
	if n := len(out); n > 0 {
		e.last = out[n-1].message
	}
	return e
}

// undo gives out, which the state has continued, back what it was.
func (e *effects) undo(out []step) {
	if n := len(out); n > 0 {
		out[n-1].message = e.last
	}
}

// send queues a handshake message; neighbours share records.
func (e *effects) send(message []byte) {
	e.out = appendStep(e.out, step{kind: stepHandshake, message: slices.Clip(message)})
}

// compose writes a message, queues it, and returns it. It is valid until the next one is
// queued.
func (e *effects) compose(m encoder) ([]byte, error) {
	n := len(e.out)
	if n == 0 || e.out[n-1].kind != stepHandshake {
		raw, err := m.AppendTo(make([]byte, 0, max(roomFor(m), e.room)))
		if err != nil {
			return nil, errWrite(err)
		}
		e.out = append(e.out, step{kind: stepHandshake, message: raw})
		return raw, nil
	}
	last := &e.out[n-1]
	whole, err := m.AppendTo(last.message)
	if err != nil {
		return nil, errWrite(err)
	}
	raw := whole[len(last.message):]
	last.message = whole
	return raw, nil
}

// appendStep appends a step. Handshake messages become one with those in front of them.
func appendStep(to []step, s step) []step {
	if n := len(to); n > 0 && s.kind == stepHandshake && to[n-1].kind == stepHandshake {
		to[n-1].message = append(to[n-1].message, s.message...)
		return to
	}
	return append(to, s)
}

func (e *effects) changeCipherSpec() { e.out = append(e.out, step{kind: stepCCS}) }

// use switches both halves to another Config.
func (e *effects) use(cfg *Config) {
	e.cfg = cfg
	e.out = append(e.out, step{kind: stepConfig, cfg: cfg})
}

func (e *effects) ready() { e.out = append(e.out, step{kind: stepReady}) }

// writeKeys changes the sending key to that of a TLS 1.3 traffic secret.
func (e *effects) writeKeys(suite *suites.Suite, secret keys.TrafficSecret) error {
	sealer, err := record.NewSealer13(suite, secret)
	if err != nil {
		return local("the cipher cannot be set up", err)
	}
	e.out = append(e.out, step{kind: stepKeys, sealer: sealer, suite: suite, traffic: secret})
	return nil
}

// readKeys changes the receiving key to that of a TLS 1.3 traffic secret.
func (e *effects) readKeys(suite *suites.Suite, secret keys.TrafficSecret, p phase) error {
	opener, err := record.NewOpener13(suite, secret)
	if err != nil {
		return local("the cipher cannot be set up", err)
	}
	e.keys = append(e.keys, readKey{opener: opener, suite: suite, traffic: secret, phase: p})
	return nil
}

// plain takes the sending key away again.
func (e *effects) plain() { e.out = append(e.out, step{kind: stepPlain}) }

// early lets n bytes of 0-RTT data be sent.
func (e *effects) early(n int) { e.out = append(e.out, step{kind: stepEarly, limit: n}) }

func (e *effects) tickets(t *ticketer) {
	if t != nil {
		e.out = append(e.out, step{kind: stepTickets, tickets: t})
	}
}

func (e *effects) report(kind EventKind) { e.events = append(e.events, Event{Kind: kind}) }
