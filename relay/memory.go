package relay

import (
	"sync"
)

// A Bus holds rooms. It is safe for concurrent use. An implementation that several relays
// share joins their rooms.
type Bus interface {
	// Enter adds a member to a room. It calls sink with a welcome that lists the other
	// members, and then with each message for the member: deliver, joined, left, and
	// undeliverable for what the member sent. The calls are in order. If the member is in
	// the room, the new place replaces the old one: the old sink is called with an error
	// of CodeReplaced, and the others with joined. An error of Enter is an [*Error].
	Enter(room RoomID, member MemberID, sink Sink) (Seat, error)
}

// A Sink takes a message for a member. It must not block, and must not call the Bus. It
// keeps the message. It reports false for a message that it has no space for.
type Sink func(*Message) bool

// A Seat is the place of a member in a room.
type Seat interface {
	// Send sends a payload, which it keeps, to another member, or calls the sink of the
	// sender with undeliverable.
	Send(to MemberID, payload []byte)
	// Leave ends the membership, and the others are told, if the place was not replaced.
	Leave()
}

// memory is a Bus within the process.
type memory struct {
	maxRooms, maxMembers int

	mu    sync.Mutex
	rooms map[RoomID]map[MemberID]*memorySeat
}

type memorySeat struct {
	bus    *memory
	room   RoomID
	member MemberID
	sink   Sink
}

// NewMemory returns a Bus that keeps its rooms in memory: at most rooms of them, each with
// at most members. 0 means 10,000 rooms and 50 members.
func NewMemory(rooms, members int) Bus {
	if rooms <= 0 {
		rooms = 10_000
	}
	if members <= 0 {
		members = 50
	}
	return &memory{maxRooms: rooms, maxMembers: min(members, 2000),
		rooms: make(map[RoomID]map[MemberID]*memorySeat)}
}

// Enter implements Bus.
func (b *memory) Enter(id RoomID, member MemberID, sink Sink) (Seat, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	room := b.rooms[id]
	old := room[member]
	switch {
	case room == nil && len(b.rooms) >= b.maxRooms:
		return nil, &Error{CodeRelayFull}
	case old == nil && len(room) >= b.maxMembers:
		return nil, &Error{CodeRoomFull}
	case room == nil:
		room = make(map[MemberID]*memorySeat)
		b.rooms[id] = room
	case old != nil:
		old.sink(&Message{Kind: KindError, Code: CodeReplaced})
	}
	welcome := &Message{Kind: KindWelcome}
	for other := range room {
		if other != member {
			welcome.Members = append(welcome.Members, other)
		}
	}
	seat := &memorySeat{b, id, member, sink}
	room[member] = seat
	sink(welcome)
	seat.tell(KindJoined)
	return seat, nil
}

// tell tells the other members of the room about this one. The caller holds the lock.
func (s *memorySeat) tell(kind Kind) {
	for other, seat := range s.bus.rooms[s.room] {
		if other != s.member {
			seat.sink(&Message{Kind: kind, Member: s.member})
		}
	}
}

// present reports whether the seat was not left or replaced. The caller holds the lock.
func (s *memorySeat) present() bool { return s.bus.rooms[s.room][s.member] == s }

// Send implements Seat.
func (s *memorySeat) Send(to MemberID, payload []byte) {
	s.forward(&Message{Kind: KindSend, Member: to, Payload: payload})
}

// forward delivers a message of kind send, which it keeps.
func (s *memorySeat) forward(m *Message) {
	to := m.Member
	m.Kind, m.Member = KindDeliver, s.member
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	if !s.present() {
		return
	}
	other := s.bus.rooms[s.room][to]
	if other == nil || other == s || !other.sink(m) {
		m.Release()
		s.sink(&Message{Kind: KindUndeliverable, Member: to})
	}
}

// Leave implements Seat.
func (s *memorySeat) Leave() {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	if !s.present() {
		return
	}
	s.tell(KindLeft)
	delete(s.bus.rooms[s.room], s.member)
	if len(s.bus.rooms[s.room]) == 0 {
		delete(s.bus.rooms, s.room)
	}
}
