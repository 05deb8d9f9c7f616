package talk

import (
	"context"
	"net"
	"sync"
)

// EventKind is the kind of an [Event].
type EventKind int

// The kinds of events.
const (
	// Joined: Member is in the room, and its texts follow.
	Joined EventKind = iota
	// Text: Member has sent Text.
	Text
	// Away: Member cannot be reached. Texts to it wait. Back: it can be reached again. If a
	// member leaves, Away may come before Left: the relay knows it sooner.
	Away
	Back
	// Left: Member has left, in order if Err is nil.
	Left
	// Refused: another member was refused, for the reason Err: its key is not the one that
	// is remembered, or it did not prove it.
	Refused
	// Lost: the connection to the relay ended, for the reason Err, and is tried again.
	// Connected: there is a connection to the relay, the first one too.
	Lost
	Connected
	// Suspect: the relay, or another program, altered a message, made one, or passed one off
	// as that of another member: Err. It was dropped, and if a member had sent it, it is sent
	// again. A relay can cause 64 of these events in one connection.
	Suspect
	// Irregular: the relay, or the network on the way to it, lost, repeated or reordered
	// messages of Member: Err. No text is lost, repeated or out of order by that.
	Irregular
	// Crowded: another member was left out, because there are too many, with those that have
	// left and of which the program has not received all.
	Crowded
	// Offered: Member offers File. Withdrawn: it has taken the offer back.
	Offered
	Withdrawn
)

// An Event is something that happened in a [Room].
type Event struct {
	Kind   EventKind
	Member Member
	Text   string // valid UTF-8, and otherwise as it was sent: it may have control characters
	File   *FileOffer
	Err    error
}

const (
	maxTexts  = 256  // events with a text or a file, and members that join, that wait
	maxEvents = 1000 // other events that wait; further ones but Left are dropped
)

// A queue holds events until they are received.
type queue struct {
	texts chan struct{} // holds a value for each event of a member's choice
	ready chan struct{}
	over  chan struct{} // closed at the end

	mu   sync.Mutex
	list []*Event
}

func newQueue() *queue {
	return &queue{texts: make(chan struct{}, maxTexts), ready: make(chan struct{}, 1),
		over: make(chan struct{})}
}

// chosen reports whether a member can make as many of an event as it likes. A member leaves as
// often as it joins.
func (e *Event) chosen() bool { return e.Kind == Text || e.Kind == Joined || e.File != nil }

// put adds an event. One that is chosen waits for a place until stop is closed.
func (q *queue) put(e *Event, stop <-chan struct{}) {
	if e.chosen() && !q.reserve(stop) {
		return
	}
	q.add(e)
}

// reserve waits for the place of an event that is chosen. It reports false when stop is closed.
func (q *queue) reserve(stop <-chan struct{}) bool {
	select {
	case q.texts <- struct{}{}:
		return true
	case <-stop:
		return false
	}
}

// release gives a place back for which there is no event.
func (q *queue) release() { <-q.texts }

// add adds an event, which has a place if it is chosen. Others that a relay or a member can
// cause are dropped if too many wait.
func (q *queue) add(e *Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !e.chosen() && e.Kind != Left && len(q.list) >= maxEvents {
		return
	}
	q.list = append(q.list, e)
	q.poke()
}

func (q *queue) poke() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// get returns the next event.
func (q *queue) get(ctx context.Context) (*Event, error) {
	for {
		if e := q.next(); e != nil {
			return e, nil
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-q.over:
			return nil, net.ErrClosed
		}
	}
}

func (q *queue) next() *Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		return nil
	}
	e := q.list[0]
	q.list[0] = nil // a long text would stay until the list is made anew
	q.list = q.list[1:]
	if e.chosen() {
		<-q.texts
	}
	if len(q.list) > 0 {
		q.poke() // for another receiver
	}
	return e
}
