package link

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/sealsock/sealsock/relay"
)

const (
	pingEvery = 20 * time.Second
	silence   = 60 * time.Second // of a relay that is taken as dead
	joining   = 20 * time.Second // for a connection to the relay and the welcome
	firstWay  = 50 * time.Millisecond
	mostWay   = 5 * time.Second // between two attempts to reach the relay
	remember  = 1024            // links that ended
	farewell  = 2 * time.Second // of Close, to tell the relay
)

// Options of a [Hub].
type Options struct {
	// Dial connects to the relay. It is called again when the connection has failed.
	Dial func(context.Context) (net.Conn, error)
	Room relay.RoomID
	// Token is the member's own. It must be new for each Hub.
	Token relay.Token
	// Key authenticates packets. All members have it, and the relay does not.
	Key []byte
	// Members bounds the other members; 0 means 49.
	Members int
	// Window is how many bytes of a stream are on their way at most; 0 means the constant
	// Window. It is the same for all members, and less than what a relay queues for one.
	Window int
	// Patience is how long a member may be absent; 0 means 10 minutes.
	Patience time.Duration
	// Notify, if set, is called with each event, in order. It must not block.
	Notify func(Event)
}

// EventKind is the kind of an [Event].
type EventKind int

// The kinds of events.
const (
	Connected EventKind = iota // to the relay
	Lost                       // the connection to the relay, for the reason Err
	Joined                     // another member, anew or again; Conn is its stream
	Left                       // another member can not be reached now
	Suspect                    // the relay sent something that is not authentic: Err
	Crowded                    // another member was left out: there are too many; 64 in a connection
	Irregular                  // the relay lost, repeated or reordered packets: Err
)

// An Event is about the relay or another member.
type Event struct {
	Kind EventKind
	Conn *Conn // of the other member
	Err  error
}

// A Hub is a member of a room, with a Conn for each other member.
type Hub struct {
	opts   Options
	id     relay.MemberID
	ctx    context.Context
	cancel context.CancelFunc
	ended  chan struct{}
	pong   chan struct{} // holds a value when the relay has answered a ping
	forged int           // packets of this connection; belongs to attend
	crowd  int           // members that were left out in this connection, too
	pace   pace          // of members that join and leave, too

	mu     sync.Mutex
	member *relay.Member // nil without a connection
	conns  map[relay.MemberID]*Conn
	past   []pastLink
}

// A pastLink is what is remembered of a link that has ended.
type pastLink struct {
	peer     relay.MemberID
	arrivals arrivals
}

// NewHub joins the room. It returns the error of the first attempt; later it tries again
// until Close.
func NewHub(ctx context.Context, opts Options) (*Hub, error) {
	opts.Members = cmp.Or(opts.Members, 49)
	opts.Window = cmp.Or(opts.Window, Window)
	opts.Patience = cmp.Or(opts.Patience, 10*time.Minute)
	if opts.Notify == nil {
		opts.Notify = func(Event) {}
	}
	h := &Hub{
		opts: opts, id: opts.Token.Member(opts.Room),
		conns: make(map[relay.MemberID]*Conn), ended: make(chan struct{}),
		pong: make(chan struct{}, 1),
	}
	h.pace = pace{pause: noticePause, burst: noticeBurst * (opts.Members + 1)}
	h.ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	m, err := h.join(ctx)
	if err != nil {
		h.cancel()
		return nil, err
	}
	go h.run(m)
	return h, nil
}

// ID returns the identifier of this member.
func (h *Hub) ID() relay.MemberID { return h.id }

// Close leaves the room and ends every Conn. What was received is acknowledged: another member
// that leaves at the same time would otherwise wait for an acknowledgement that never comes. It
// ends although a relay reads nothing.
func (h *Hub) Close() error {
	told := make(chan struct{})
	go func() {
		defer close(told)
		for _, c := range h.all() {
			c.sendLastAck()
		}
		h.settle()
	}()
	late := time.NewTimer(farewell)
	defer late.Stop()
	select {
	case <-told:
	case <-late.C:
	}
	h.cancel()
	<-h.ended
	return nil
}

// settle waits until the relay has read what was sent to it, for a second at most. A socket that
// is closed with unread data makes the system drop what its peer has not read.
func (h *Hub) settle() {
	h.mu.Lock()
	m := h.member
	h.mu.Unlock()
	select {
	case <-h.pong: // of an earlier ping
	default:
	}
	if m == nil || m.Ping() != nil {
		return
	}
	late := time.NewTimer(time.Second)
	defer late.Stop()
	select {
	case <-h.pong:
	case <-late.C:
	case <-h.ended:
	}
}

// join connects to the relay.
func (h *Hub) join(ctx context.Context) (*relay.Member, error) {
	ctx, cancel := context.WithTimeout(ctx, joining)
	defer cancel()
	conn, err := h.opts.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return relay.Join(ctx, conn, h.opts.Room, h.opts.Token)
}

// run keeps a connection to the relay until Close.
func (h *Hub) run(m *relay.Member) {
	defer close(h.ended)
	defer h.endAll()
	for wait := firstWay; ; {
		if m != nil {
			joined := time.Now()
			err := h.attend(m)
			if time.Since(joined) >= steady {
				wait = firstWay
			}
			if h.ctx.Err() != nil {
				return
			}
			h.opts.Notify(Event{Kind: Lost, Err: err})
		}
		pause := time.NewTimer(wait + rand.N(wait/2))
		select {
		case <-pause.C:
		case <-h.ctx.Done():
			pause.Stop()
			return
		}
		wait = min(2*wait, mostWay)
		m, _ = h.join(h.ctx) // the reason for the loss was reported; this repeats it
	}
}

// attend carries the messages of one connection to the relay until it fails.
func (h *Hub) attend(m *relay.Member) error {
	stop := context.AfterFunc(h.ctx, func() { m.Close() })
	defer stop()
	defer m.Close()
	over := make(chan struct{})
	defer close(over)
	go ping(m, over)
	h.opts.Notify(Event{Kind: Connected})
	h.connected(m)
	defer h.disconnected()
	for {
		m.SetReadDeadline(time.Now().Add(silence))
		msg, err := m.Receive()
		if err != nil || h.ctx.Err() != nil { // what is buffered comes after the end, too
			return err
		}
		switch msg.Kind {
		case relay.KindDeliver:
			h.deliver(msg.Member, msg.Payload)
			msg.Release()
		case relay.KindJoined:
			h.pace.await(h.ctx)
			h.joined(msg.Member)
		case relay.KindLeft:
			h.pace.await(h.ctx)
			h.left(msg.Member)
		case relay.KindPong:
			select {
			case h.pong <- struct{}{}:
			default:
			}
		}
	}
}

// ping keeps the connection to the relay alive, and lets Receive find out that it is not.
func ping(m *relay.Member, over <-chan struct{}) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.Ping()
		case <-over:
			return
		}
	}
}

// connected compares the members that the relay lists with those that are known.
func (h *Hub) connected(m *relay.Member) {
	present := make(map[relay.MemberID]bool)
	for _, id := range m.Members() {
		present[id] = true
	}
	h.mu.Lock()
	h.member = m
	var absent []relay.MemberID
	for id := range h.conns {
		if !present[id] {
			absent = append(absent, id)
		}
	}
	h.mu.Unlock()
	for _, id := range absent {
		h.left(id)
	}
	for _, id := range m.Members() {
		h.joined(id)
	}
}

func (h *Hub) disconnected() {
	h.forged, h.crowd = 0, 0
	h.mu.Lock()
	defer h.mu.Unlock()
	h.member = nil
}

// send sends packets, which are lost if there is no connection.
func (h *Hub) send(to relay.MemberID, packets ...[]byte) {
	h.mu.Lock()
	m := h.member
	h.mu.Unlock()
	if m == nil {
		return
	}
	if m.SendAll(to, packets...) != nil {
		m.Close() // attend tries again
	}
}

// joined makes a Conn for a member, or resumes it.
func (h *Hub) joined(id relay.MemberID) {
	c, full := h.connOf(id)
	switch {
	case full:
		if h.crowd++; h.crowd <= maxForged {
			h.opts.Notify(Event{Kind: Crowded})
		}
	case c != nil:
		c.setUp(true)
		h.opts.Notify(Event{Kind: Joined, Conn: c})
	}
}

// connOf returns the Conn for a member, which it makes if there was none. It returns nil for
// one that has ended, and for this member.
func (h *Hub) connOf(id relay.MemberID) (c *Conn, full bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.conns[id]; c != nil {
		return c, false
	}
	if id == h.id || h.pastOf(id) != nil || h.ctx.Err() != nil {
		return nil, false
	}
	if len(h.conns) >= h.opts.Members && !h.evict() {
		return nil, true
	}
	c = newConn(h, id)
	h.conns[id] = c
	go c.pump()
	return c, false
}

// evict ends the Conn of a member that is absent, to have space for another. The caller
// holds the lock.
func (h *Hub) evict() bool {
	for id, c := range h.conns {
		c.mu.Lock()
		up := c.up
		c.mu.Unlock()
		if !up {
			c.fail(ErrGone)
			h.remove(id)
			return true
		}
	}
	return false
}

// pastOf returns what is remembered of the link to a member that has ended, or nil. The caller
// holds the lock.
func (h *Hub) pastOf(id relay.MemberID) *pastLink {
	for i := range h.past {
		if h.past[i].peer == id {
			return &h.past[i]
		}
	}
	return nil
}

// left marks a member as absent.
func (h *Hub) left(id relay.MemberID) {
	h.mu.Lock()
	c := h.conns[id]
	h.mu.Unlock()
	if c != nil {
		c.setUp(false)
		h.opts.Notify(Event{Kind: Left, Conn: c})
	}
}

// deliver passes a packet to the Conn of its sender.
func (h *Hub) deliver(from relay.MemberID, b []byte) {
	h.mu.Lock()
	c := h.conns[from]
	h.mu.Unlock()
	if c == nil {
		h.deliverUnknown(from, b)
		return
	}
	p, err := c.open.open(b)
	switch {
	case errors.Is(err, errForged):
		h.suspect(c, b)
	case err != nil:
		c.fail(err)
	default:
		if err := c.deliver(p); err != nil {
			h.opts.Notify(Event{Kind: Irregular, Conn: c, Err: err})
		}
	}
}

// deliverUnknown answers a packet of a member without a Conn. If its link has ended, it is
// told so, except for a packet that has arrived before: the relay keeps it, and its sender may
// have gone. Anything else cannot be: the relay announces members before their packets.
func (h *Hub) deliverUnknown(from relay.MemberID, b []byte) {
	p, err := newSealer(h.opts.Key, from, h.id).open(b)
	if err != nil {
		h.suspect(nil, b)
		return
	}
	h.mu.Lock()
	past := h.pastOf(from)
	again := past != nil && past.arrivals.again(p.count)
	h.mu.Unlock()
	switch {
	case past == nil, p.kind == typeReset, p.kind == typeAck:
	case again:
		h.report(nil, func() error { return ErrStale })
	default:
		h.send(from, newSealer(h.opts.Key, h.id, from).seal(&packet{kind: typeReset}))
	}
}

// forget removes a Conn that has ended.
func (h *Hub) forget(c *Conn) {
	c.fail(net.ErrClosed)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns[c.peer] == c {
		h.remove(c.peer)
	}
}

// remove removes the Conn of a member. The caller holds the lock.
func (h *Hub) remove(id relay.MemberID) {
	past := pastLink{peer: id}
	if c := h.conns[id]; c != nil {
		c.mu.Lock()
		past.arrivals = c.arrivals
		c.mu.Unlock()
	}
	delete(h.conns, id)
	h.past = append(h.past, past)
	if len(h.past) > remember {
		h.past = h.past[1:]
	}
}

func (h *Hub) endAll() {
	for _, c := range h.all() {
		c.fail(net.ErrClosed)
	}
}

// all returns the Conns.
func (h *Hub) all() (all []*Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		all = append(all, c)
	}
	return all
}
