package natsbus

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sealsock/sealsock/internal/natstest"
	"github.com/sealsock/sealsock/relay"
)

// A testRelay is a relay on a Bus of its own.
type testRelay struct {
	t      *testing.T
	bus    *Bus
	server *relay.Server
	wg     sync.WaitGroup
}

// startRelay waits until the relays before it know it, as soon after its start.
func startRelay(t *testing.T, s *natstest.Server, opts Options, before ...*testRelay) *testRelay {
	t.Helper()
	if opts.Answer == 0 {
		opts.Answer = time.Minute // all answer, on a slow machine too
	}
	b, err := New(s.Connect(nats.ReconnectBufSize(1<<20)), opts)
	if err != nil {
		t.Fatal(err)
	}
	r := &testRelay{t: t, bus: b, server: relay.NewServer(b, relay.Limits{})}
	t.Cleanup(func() {
		b.Close()
		r.wg.Wait()
	})
	for _, other := range before {
		other.knows(r, true)
		r.knows(other, true)
	}
	return r
}

// knows waits until the relay knows another one, or does not.
func (r *testRelay) knows(other *testRelay, want bool) {
	r.t.Helper()
	eventually(r.t, func() bool {
		r.bus.mu.Lock()
		defer r.bus.mu.Unlock()
		_, known := r.bus.relays[other.bus.id]
		return known == want
	})
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(40 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not happen")
		}
	}
}

func (r *testRelay) connect() net.Conn {
	client, server := net.Pipe()
	r.t.Cleanup(func() { client.Close() })
	r.wg.Go(func() { r.server.Serve(context.Background(), server) })
	return client
}

func (r *testRelay) join(room relay.RoomID, token relay.Token) *relay.Member {
	r.t.Helper()
	m, err := relay.Join(r.t.Context(), r.connect(), room, token)
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// expect receives a message and compares it.
func expect(t *testing.T, m *relay.Member, kind relay.Kind, from *relay.Member, payload string) {
	t.Helper()
	defer time.AfterFunc(20*time.Second, func() { m.Close() }).Stop() // nothing comes
	got, err := m.Receive()
	if err != nil {
		t.Fatal(err)
	}
	want := &relay.Message{Kind: kind, Member: from.ID()}
	if payload != "" {
		want.Payload = []byte(payload)
	}
	if len(got.Payload) == 0 {
		got.Payload = nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("kind %d, member %v, %q, want kind %d, member %v, %q",
			got.Kind, got.Member, got.Payload, kind, from.ID(), payload)
	}
}

func refused(t *testing.T, r *testRelay, room relay.RoomID, code relay.Code) {
	t.Helper()
	_, err := relay.Join(t.Context(), r.connect(), room, relay.NewToken())
	if !errors.Is(err, &relay.Error{Code: code}) {
		t.Errorf("%v, want %v", err, code)
	}
}

// TestRoomAcrossRelays: members of two relays share a room, and no other.
func TestRoomAcrossRelays(t *testing.T) {
	s := natstest.Start(t)
	one := startRelay(t, s, Options{})
	two := startRelay(t, s, Options{}, one)
	elsewhere := startRelay(t, s, Options{Prefix: "others"})
	a := one.join(relay.RoomID{1}, relay.NewToken())
	b := two.join(relay.RoomID{1}, relay.NewToken())
	if !slices.Equal(b.Members(), []relay.MemberID{a.ID()}) {
		t.Fatalf("the welcome has %v", b.Members())
	}
	expect(t, a, relay.KindJoined, b, "")
	c := two.join(relay.RoomID{1}, relay.NewToken())
	expect(t, a, relay.KindJoined, c, "")
	expect(t, b, relay.KindJoined, c, "")
	if len(c.Members()) != 2 {
		t.Errorf("the welcome has %v", c.Members())
	}
	for _, room := range []relay.RoomID{{2}, {1}} {
		r := two
		if room == (relay.RoomID{1}) {
			r = elsewhere
		}
		m := r.join(room, relay.NewToken())
		if len(m.Members()) != 0 {
			t.Errorf("the rooms are not apart: %v", m.Members())
		}
		m.Send(a.ID(), []byte("x"))
		expect(t, m, relay.KindUndeliverable, a, "")
	}
	for _, text := range []string{"1", "2", "3"} {
		a.Send(b.ID(), []byte(text))
		b.Send(c.ID(), []byte(text))
		b.Send(a.ID(), []byte(text))
	}
	for _, text := range []string{"1", "2", "3"} {
		expect(t, b, relay.KindDeliver, a, text)
		expect(t, c, relay.KindDeliver, b, text)
		expect(t, a, relay.KindDeliver, b, text)
	}
	b.Close()
	expect(t, a, relay.KindLeft, b, "")
	expect(t, c, relay.KindLeft, b, "")
	a.Send(b.ID(), []byte("x"))
	expect(t, a, relay.KindUndeliverable, b, "")
	two.bus.Close()
	expect(t, a, relay.KindLeft, c, "")
	one.knows(two, false)
}

// TestRoomsAreRemoved: a room that has no members costs nothing.
func TestRoomsAreRemoved(t *testing.T) {
	s := natstest.Start(t)
	one := startRelay(t, s, Options{Rooms: 1})
	a := one.join(relay.RoomID{1}, relay.NewToken())
	refused(t, one, relay.RoomID{2}, relay.CodeRelayFull)
	a.Close()
	eventually(t, func() bool {
		one.bus.mu.Lock()
		defer one.bus.mu.Unlock()
		return len(one.bus.rooms) == 0
	})
	if n := one.bus.nc.NumSubscriptions(); n != 3 {
		t.Errorf("%d subscriptions", n)
	}
	one.join(relay.RoomID{2}, relay.NewToken())
}

// TestMembersAreBounded: the bound of a room holds across the relays.
func TestMembersAreBounded(t *testing.T) {
	s := natstest.Start(t)
	one := startRelay(t, s, Options{Members: 2})
	two := startRelay(t, s, Options{Members: 2}, one)
	a := one.join(relay.RoomID{1}, relay.NewToken())
	one.join(relay.RoomID{1}, relay.NewToken())
	refused(t, two, relay.RoomID{1}, relay.CodeRoomFull)
	two.bus.mu.Lock()
	if len(two.bus.rooms) != 0 {
		t.Error("the room was kept")
	}
	two.bus.mu.Unlock()
	a.Close()
	eventually(t, func() bool {
		one.bus.mu.Lock()
		defer one.bus.mu.Unlock()
		return len(one.bus.rooms[relay.RoomID{1}].own) == 1
	})
	two.join(relay.RoomID{1}, relay.NewToken())
}

// TestTakeover: a member moves to another relay, and back. The place of the older connection
// is taken, though the clock of the relay may be behind.
func TestTakeover(t *testing.T) {
	s := natstest.Start(t)
	one := startRelay(t, s, Options{})
	two := startRelay(t, s, Options{}, one)
	token := relay.NewToken()
	witness := two.join(relay.RoomID{1}, relay.NewToken())
	at := []*testRelay{one, two}
	var last *relay.Member
	for i := range 4 {
		m := at[i%2].join(relay.RoomID{1}, token)
		expect(t, witness, relay.KindJoined, m, "")
		if !slices.Equal(m.Members(), []relay.MemberID{witness.ID()}) {
			t.Errorf("the welcome has %v", m.Members())
		}
		if last != nil {
			_, err := last.Receive()
			if !errors.Is(err, &relay.Error{Code: relay.CodeReplaced}) {
				t.Errorf("the older connection got %v", err)
			}
		}
		witness.Send(m.ID(), []byte("x"))
		expect(t, m, relay.KindDeliver, witness, "x")
		last = m
		at[i%2].bus.mu.Lock() // a join that is an hour ahead of the other relay's clock
		seat := at[i%2].bus.rooms[relay.RoomID{1}].own[m.ID()]
		seat.stamp += uint64(time.Hour.Milliseconds())
		stamp := seat.stamp
		at[i%2].bus.mu.Unlock()
		at[i%2].bus.publish(relay.RoomID{1})
		eventually(t, func() bool { // that of the join itself may be ahead of the clock, too
			other := at[(i+1)%2].bus
			other.mu.Lock()
			defer other.mu.Unlock()
			r := other.rooms[relay.RoomID{1}]
			return r == nil || r.others[m.ID()].stamp == stamp
		})
		if i%2 == 0 { // the changed time is told as a join
			expect(t, witness, relay.KindJoined, m, "")
		}
	}
}

// TestRestart: a relay serves its own members without NATS, and they reach the others when it is
// back. No message is delivered twice.
func TestRestart(t *testing.T) {
	s := natstest.Start(t)
	// Nothing is repeated but after the restart.
	opts := Options{Interval: time.Hour}
	one := startRelay(t, s, opts)
	two := startRelay(t, s, opts, one)
	a := one.join(relay.RoomID{1}, relay.NewToken())
	b := two.join(relay.RoomID{1}, relay.NewToken())
	expect(t, a, relay.KindJoined, b, "")
	e := two.join(relay.RoomID{2}, relay.NewToken())
	s.Kill()
	eventually(t, func() bool { return !one.bus.nc.IsConnected() && !two.bus.nc.IsConnected() })
	a.Send(b.ID(), []byte("lost"))
	expect(t, a, relay.KindUndeliverable, b, "")
	c := one.join(relay.RoomID{1}, relay.NewToken())
	expect(t, a, relay.KindJoined, c, "")
	a.Send(c.ID(), []byte("here"))
	expect(t, c, relay.KindDeliver, a, "here")
	// In this room no relay knew of a member at the other one. Of the first room, the relay that is
	// connected first also asks the other.
	d := one.join(relay.RoomID{2}, relay.NewToken())
	s.Restart()
	expect(t, d, relay.KindJoined, e, "")
	expect(t, e, relay.KindJoined, d, "")
	expect(t, b, relay.KindJoined, c, "")
	eventually(t, one.bus.nc.IsConnected)
	a.Send(b.ID(), []byte("again"))
	expect(t, b, relay.KindDeliver, a, "again")
	b.Send(c.ID(), []byte("back"))
	expect(t, c, relay.KindDeliver, b, "back")
}

// TestLastListIsLost: the last member of a room at a relay has left in the end, although NATS
// lost the list that told so: after a payload for it, and when the relay has a connection again.
func TestLastListIsLost(t *testing.T) {
	s := natstest.Start(t)
	opts := Options{Interval: time.Hour}
	one := startRelay(t, s, opts)
	two := startRelay(t, s, opts, one)
	for i, notice := range []func(a, b *relay.Member){
		func(a, b *relay.Member) {
			a.Send(b.ID(), []byte("x"))
			expect(t, a, relay.KindUndeliverable, b, "")
		},
		func(_, _ *relay.Member) { two.bus.beat(beatAsks) },
	} {
		room := relay.RoomID{byte(i)}
		a := one.join(room, relay.NewToken())
		b := two.join(room, relay.NewToken())
		expect(t, a, relay.KindJoined, b, "")
		two.bus.mu.Lock()
		r := two.bus.rooms[room]
		delete(r.own, b.ID())
		two.bus.drop(r)
		two.bus.mu.Unlock()
		notice(a, b)
		expect(t, a, relay.KindLeft, b, "")
	}
}

// TestSilentRelay: the members of a relay that is silent have left.
func TestSilentRelay(t *testing.T) {
	s := natstest.Start(t)
	one := startRelay(t, s, Options{Interval: time.Hour})
	two := startRelay(t, s, Options{Interval: time.Hour}, one)
	a := one.join(relay.RoomID{1}, relay.NewToken())
	b := two.join(relay.RoomID{1}, relay.NewToken())
	expect(t, a, relay.KindJoined, b, "")
	one.bus.expire(time.Now().Add(2 * time.Hour))
	one.bus.expire(time.Now().Add(4 * time.Hour))
	expect(t, a, relay.KindLeft, b, "")
	b.Send(a.ID(), []byte("x")) // it was not silent: it is told as present before its payload
	expect(t, a, relay.KindJoined, b, "")
	expect(t, a, relay.KindDeliver, b, "x")
}

// TestBounds: what no relay sends is ignored, and what relays claim is bounded.
func TestBounds(t *testing.T) {
	s := natstest.Start(t)
	one := startRelay(t, s, Options{Members: 3})
	a := one.join(relay.RoomID{1}, relay.NewToken())
	nc := s.Connect()
	nc.Publish(one.bus.subjectOf(one.bus.id), []byte("no packet"))
	for i := range mostRelays + 10 {
		p := &packet{kind: kindRoster, relay: relayID{1, byte(i), byte(i >> 8)}, room: relay.RoomID{1},
			members: []entry{{relay.MemberID{byte(i)}, 1}}}
		nc.Publish(one.bus.subjectOfRoom(relay.RoomID{1}), p.append(nil))
	}
	last := &packet{kind: kindDeliver, relay: relayID{1}, room: relay.RoomID{1}, to: a.ID(),
		from: relay.MemberID{0}, payload: []byte("end")}
	nc.Publish(one.bus.subjectOf(one.bus.id), last.append(nil))
	joined := 0
	for {
		m, err := a.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind == relay.KindDeliver {
			break
		}
		joined++
	}
	one.bus.mu.Lock()
	defer one.bus.mu.Unlock()
	if r := one.bus.rooms[relay.RoomID{1}]; joined != 2 || len(r.others) != 2 {
		t.Errorf("%d members joined and %d are known, want 2", joined, len(r.others))
	}
	if len(one.bus.relays) != mostRelays {
		t.Errorf("%d relays", len(one.bus.relays))
	}
}

// TestNoAnswer: a relay that does not answer delays a join, and does not prevent it.
func TestNoAnswer(t *testing.T) {
	s := natstest.Start(t)
	one := startRelay(t, s, Options{Answer: time.Millisecond})
	silent := &packet{kind: kindBeat, relay: relayID{1}}
	s.Connect().Publish(one.bus.subject("relays"), silent.append(nil))
	eventually(t, func() bool {
		one.bus.mu.Lock()
		defer one.bus.mu.Unlock()
		return len(one.bus.relays) == 1
	})
	one.join(relay.RoomID{1}, relay.NewToken())
	one.bus.mu.Lock()
	defer one.bus.mu.Unlock()
	if r := one.bus.rooms[relay.RoomID{1}]; len(r.asked) != 0 {
		t.Error("later members would wait too")
	}
}

// TestEarlierList: a list that was made before a relay was asked is no answer.
func TestEarlierList(t *testing.T) {
	asked := relayID{1}
	r := &room{own: map[relay.MemberID]*seat{}, others: map[relay.MemberID]place{}, max: 10,
		asked: map[relayID]bool{asked: true}, ready: make(chan struct{})}
	b := &Bus{rooms: map[relay.RoomID]*room{{}: r}}
	b.merge(&packet{kind: kindRoster, relay: asked, members: []entry{{relay.MemberID{1}, 1}}})
	select {
	case <-r.ready:
		t.Error("the relay counts as one that has answered")
	default:
	}
	list := []entry{{relay.MemberID{1}, 1}, {relay.MemberID{2}, 1}}
	b.merge(&packet{kind: kindAnswer, relay: asked, members: list})
	if <-r.ready; len(r.others) != 2 {
		t.Errorf("%d members", len(r.others))
	}
}

func TestMisuse(t *testing.T) {
	if _, err := New(nil, Options{}); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
	s := natstest.Start(t)
	for _, prefix := range []string{"a b", "a.*", ">"} {
		if _, err := New(s.Connect(), Options{Prefix: prefix}); err == nil {
			t.Errorf("the prefix %q was taken", prefix)
		}
	}
	b, err := New(s.Connect(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	b.Close()
	_, err = b.Enter(relay.RoomID{}, relay.MemberID{}, func(*relay.Message) bool { return true })
	if !errors.Is(err, &relay.Error{Code: relay.CodeClosing}) {
		t.Error(err)
	}
}

func FuzzPacket(f *testing.F) {
	for _, p := range []*packet{
		{kind: kindBeat, flags: beatAsks}, {kind: kindHello},
		{kind: kindRoster, members: []entry{{relay.MemberID{1}, 1}}},
		{kind: kindDeliver, payload: []byte("x")}, {kind: kindUndeliverable},
	} {
		f.Add(p.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parse(b)
		if err != nil {
			return
		}
		if again := p.append(nil); !bytes.Equal(again, b) {
			t.Errorf("%x became %x", b, again)
		}
	})
}
