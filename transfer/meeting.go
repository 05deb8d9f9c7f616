package transfer

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/sealsock/sealsock/relay"
)

const (
	meetPing    = 20 * time.Second
	meetSilence = 60 * time.Second // of a relay that is taken as dead
	meetJoining = 20 * time.Second // for a connection to the relay and the welcome
	meetPause   = time.Second      // between two attempts to reach the relay

	// meetMembers bounds the other members that are remembered: more than a room has, of which
	// a hostile relay could name any number.
	meetMembers = 2048
)

// A dialer connects to the relay.
type dialer = func(context.Context) (net.Conn, error)

// A meeting is a place in the room of a number. It is taken again when the connection to the
// relay has failed.
type meeting struct {
	dial   dialer
	room   relay.RoomID
	token  relay.Token
	id     relay.MemberID
	notify func(Event)

	ctx    context.Context
	cancel context.CancelFunc
	ended  chan struct{}
	events chan arrival

	mu      sync.Mutex
	member  *relay.Member // nil without a connection
	members map[relay.MemberID]bool
	changed chan struct{} // when members may have been added
}

// An arrival is a payload that a member has sent.
type arrival struct {
	from    relay.MemberID
	payload []byte
}

// meet joins the room of a number. The error is that of the first connection.
func meet(ctx context.Context, dial dialer, number uint32, notify func(Event)) (*meeting, error) {
	m := &meeting{
		dial: dial, room: meetingRoom(number), token: relay.NewToken(), notify: notify,
		ended: make(chan struct{}), events: make(chan arrival, 64),
		members: make(map[relay.MemberID]bool), changed: make(chan struct{}, 1),
	}
	m.id = m.token.Member(m.room)
	first, err := m.join(ctx)
	if err != nil {
		return nil, err
	}
	m.ctx, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
	m.present(first)
	go m.run(first)
	return m, nil
}

// meetAlone joins the room of a random number that has no other member.
func meetAlone(ctx context.Context, dial dialer, notify func(Event)) (*meeting, uint32, error) {
	const attempts = 10
	for attempt := range attempts {
		number := pickNumber(attempt)
		m, err := meet(ctx, dial, number, notify)
		if err != nil {
			return nil, 0, err
		}
		if len(m.others()) == 0 {
			return m, number, nil
		}
		m.close()
	}
	return nil, 0, errCrowded
}

func (m *meeting) join(ctx context.Context) (*relay.Member, error) {
	ctx, cancel := context.WithTimeout(ctx, meetJoining)
	defer cancel()
	conn, err := m.dial(ctx)
	if err != nil {
		return nil, err
	}
	return relay.Join(ctx, conn, m.room, m.token)
}

// present sets the connection, and the members that the relay lists.
func (m *meeting) present(member *relay.Member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.member = member
	clear(m.members)
	if member == nil {
		return
	}
	for _, id := range member.Members() {
		m.members[id] = true
	}
	m.poke()
}

func (m *meeting) poke() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// run keeps the place until close.
func (m *meeting) run(member *relay.Member) {
	defer close(m.ended)
	for {
		err := m.attend(member)
		m.present(nil)
		if m.ctx.Err() != nil {
			return
		}
		m.notify(Event{Kind: Lost, Err: err})
		for member = nil; member == nil; {
			select {
			case <-time.After(meetPause):
			case <-m.ctx.Done():
				return
			}
			member, _ = m.join(m.ctx) // the reason of the loss was reported
		}
		m.notify(Event{Kind: Connected})
		m.present(member)
	}
}

// attend reads from one connection until it fails.
func (m *meeting) attend(member *relay.Member) error {
	defer member.Close()
	stop := context.AfterFunc(m.ctx, func() { member.Close() })
	defer stop()
	go m.keepAlive(member)
	for {
		member.SetReadDeadline(time.Now().Add(meetSilence))
		msg, err := member.Receive()
		if err != nil {
			return err
		}
		switch msg.Kind {
		case relay.KindDeliver:
			select {
			case m.events <- arrival{msg.Member, msg.Payload}:
			case <-m.ctx.Done():
			}
		case relay.KindJoined:
			m.joined(msg.Member)
		case relay.KindLeft:
			m.mu.Lock()
			delete(m.members, msg.Member)
			m.mu.Unlock()
		}
	}
}

// joined takes that a member has joined.
func (m *meeting) joined(id relay.MemberID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.members) < meetMembers && !m.members[id] {
		m.members[id] = true
		m.poke()
	}
}

// keepAlive sends pings until the connection fails or is replaced.
func (m *meeting) keepAlive(member *relay.Member) {
	for {
		select {
		case <-time.After(meetPing):
		case <-m.ctx.Done():
			return
		}
		if member.Ping() != nil {
			return
		}
	}
}

// others returns the other members.
func (m *meeting) others() []relay.MemberID {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []relay.MemberID
	for id := range m.members {
		all = append(all, id)
	}
	return all
}

// send sends a greeting, which is lost if there is no connection.
func (m *meeting) send(to relay.MemberID, g *greeting) {
	m.mu.Lock()
	member := m.member
	m.mu.Unlock()
	if member != nil && member.Send(to, g.append()) != nil {
		member.Close() // attend finds out
	}
}

// close leaves the room.
func (m *meeting) close() {
	m.cancel()
	<-m.ended
}
