package natsbus

import (
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sealsock/sealsock/relay"
)

// A room has members at this relay, or is about to have. The lock of the Bus protects it.
type room struct {
	id      relay.RoomID
	max     int
	sub     *nats.Subscription
	own     map[relay.MemberID]*seat
	others  map[relay.MemberID]place
	asked   map[relayID]bool // relays that have not answered who is there
	ready   chan struct{}    // closed when all have
	joining int              // calls of Enter under way
}

// A seat is a member's place at this relay. It is a relay.Seat.
type seat struct {
	bus    *Bus
	room   *room
	member relay.MemberID
	stamp  uint64
	sink   relay.Sink
}

// Enter implements relay.Bus.
func (b *Bus) Enter(id relay.RoomID, member relay.MemberID, sink relay.Sink) (relay.Seat, error) {
	if b == nil || b.nc == nil {
		return nil, errNotMade
	}
	r, err := b.open(id)
	if err != nil {
		return nil, err
	}
	wait := time.NewTimer(b.opts.Answer)
	defer wait.Stop()
	select {
	case <-r.ready:
	case <-wait.C:
		b.answerless(r)
	case <-b.ended:
	}
	s, err := b.seat(r, member, sink)
	if err != nil {
		return nil, err
	}
	b.publish(id)
	return s, nil
}

// open returns a room, and counts the caller as joining. For a new room it asks the other
// relays who is there.
func (b *Bus) open(id relay.RoomID) (*room, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, &relay.Error{Code: relay.CodeClosing}
	}
	if r := b.rooms[id]; r != nil {
		r.joining++
		return r, nil
	}
	if len(b.rooms) >= b.opts.Rooms {
		return nil, &relay.Error{Code: relay.CodeRelayFull}
	}
	r := &room{
		id: id, max: b.opts.Members, joining: 1,
		own: make(map[relay.MemberID]*seat), others: make(map[relay.MemberID]place),
		asked: make(map[relayID]bool), ready: make(chan struct{}),
	}
	var err error
	if r.sub, err = b.nc.ChanSubscribe(b.subjectOfRoom(id), b.in); err != nil {
		return nil, &relay.Error{Code: relay.CodeClosing}
	}
	b.rooms[id] = r
	if b.send(b.subject("hello"), &packet{kind: kindHello, room: id}) == nil {
		for other := range b.relays {
			r.asked[other] = true
		}
	}
	if len(r.asked) == 0 {
		close(r.ready)
	}
	return r, nil
}

// answered notes that a relay has told who is in the room.
func (r *room) answered(id relayID) {
	if !r.asked[id] {
		return
	}
	delete(r.asked, id)
	if len(r.asked) == 0 {
		close(r.ready)
	}
}

// answerless gives up on the relays that have not answered. What they have is told when their
// lists come.
func (b *Bus) answerless(r *room) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(r.asked) > 0 {
		clear(r.asked)
		close(r.ready)
	}
}

// seat gives a member that is joining its place.
func (b *Bus) seat(r *room, member relay.MemberID, sink relay.Sink) (*seat, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.joining--
	if b.closed {
		return nil, &relay.Error{Code: relay.CodeClosing}
	}
	old, elsewhere := r.own[member], r.others[member]
	if old == nil && elsewhere == (place{}) && len(r.own)+len(r.others) >= r.max {
		b.tidy(r)
		return nil, &relay.Error{Code: relay.CodeRoomFull}
	}
	s := &seat{b, r, member, max(uint64(time.Now().UnixMilli()), elsewhere.stamp+1), sink}
	if old != nil {
		s.stamp = max(s.stamp, old.stamp+1)
		old.sink(&relay.Message{Kind: relay.KindError, Code: relay.CodeReplaced})
	}
	delete(r.others, member)
	r.own[member] = s
	welcome := &relay.Message{Kind: relay.KindWelcome}
	for other := range r.own {
		if other != member {
			welcome.Members = append(welcome.Members, other)
		}
	}
	for other := range r.others {
		welcome.Members = append(welcome.Members, other)
	}
	sink(welcome)
	r.tell(relay.KindJoined, member)
	return s, nil
}

// tidy removes a room that has no members here. The caller holds the lock.
func (b *Bus) tidy(r *room) {
	if len(r.own) == 0 && r.joining == 0 {
		b.drop(r)
	}
}

// drop removes a room. The caller holds the lock.
func (b *Bus) drop(r *room) {
	r.sub.Unsubscribe()
	delete(b.rooms, r.id)
}

// tell tells the members here about another one.
func (r *room) tell(kind relay.Kind, member relay.MemberID) {
	for id, s := range r.own {
		if id != member {
			s.sink(&relay.Message{Kind: kind, Member: member})
		}
	}
}

// roster lists the members here. A nil room has none.
func (r *room) roster() (list []entry) {
	if r == nil {
		return nil
	}
	for id, s := range r.own {
		list = append(list, entry{id, s.stamp})
	}
	return list
}

// seat returns the place of a member here, or nil. A nil room has none.
func (r *room) seat(member relay.MemberID) *seat {
	if r == nil {
		return nil
	}
	return r.own[member]
}

// merge replaces what is known of the members at another relay by its list.
func (r *room) merge(from relayID, list []entry) {
	listed := make(map[relay.MemberID]bool, len(list))
	for _, e := range list {
		listed[e.member] = true
		r.place(e.member, place{from, e.stamp})
	}
	for member, at := range r.others {
		if at.relay == from && !listed[member] {
			delete(r.others, member)
			r.tell(relay.KindLeft, member)
		}
	}
}

// place notes that a member is at another relay, if that is news.
func (r *room) place(member relay.MemberID, at place) {
	known, elsewhere := r.others[member]
	here := r.own[member]
	switch {
	case here != nil && !at.after(place{here.bus.id, here.stamp}):
		return // it is here, and the other relay will hear of it
	case here != nil:
		delete(r.own, member)
		here.sink(&relay.Message{Kind: relay.KindError, Code: relay.CodeReplaced})
	case elsewhere && !at.after(known):
		return
	case !elsewhere && len(r.own)+len(r.others) >= r.max:
		return
	}
	r.others[member] = at
	r.tell(relay.KindJoined, member)
}

// deliver passes a payload to a member here, and reports whether it has space for it. Members
// know each other before they get a payload: a sender that is not known yet is told as joined.
func (r *room) deliver(p *packet) bool {
	s := r.seat(p.to)
	if s == nil {
		return false
	}
	if _, known := r.others[p.from]; !known && r.own[p.from] == nil {
		r.place(p.from, place{relay: p.relay})
		if _, known = r.others[p.from]; !known {
			return false // there is no place for it
		}
	}
	return s.sink(&relay.Message{
		Kind: relay.KindDeliver, Member: p.from, Payload: p.payload,
	})
}

// present reports whether the seat was not left or replaced. The caller holds the lock.
func (s *seat) present() bool { return s.room.own[s.member] == s }

// Send implements relay.Seat.
func (s *seat) Send(to relay.MemberID, payload []byte) {
	at, remote := s.route(to, payload)
	if !remote {
		return
	}
	p := &packet{kind: kindDeliver, room: s.room.id, to: to, from: s.member, payload: payload}
	if s.bus.send(s.bus.subjectOf(at), p) != nil {
		s.sink(&relay.Message{Kind: relay.KindUndeliverable, Member: to})
	}
}

// route delivers a payload to a member here, or returns the relay where the member is.
func (s *seat) route(to relay.MemberID, payload []byte) (at relayID, remote bool) {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	if !s.present() {
		return at, false
	}
	if other, ok := s.room.others[to]; ok {
		return other.relay, true
	}
	m := &relay.Message{Kind: relay.KindDeliver, Member: s.member, Payload: payload}
	if other := s.room.own[to]; other == nil || other == s || !other.sink(m) {
		s.sink(&relay.Message{Kind: relay.KindUndeliverable, Member: to})
	}
	return at, false
}

// Leave implements relay.Seat.
func (s *seat) Leave() {
	b, r := s.bus, s.room
	b.mu.Lock()
	present := s.present()
	if present {
		r.tell(relay.KindLeft, s.member)
		delete(r.own, s.member)
	}
	b.mu.Unlock()
	if present {
		b.publish(r.id)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rooms[r.id] == r {
		b.tidy(r)
	}
}
