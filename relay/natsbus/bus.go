package natsbus

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sealsock/sealsock/relay"
)

// Options of a [Bus]. A field that is zero has its default.
type Options struct {
	// Prefix begins the subjects; "sealsock.relay". Relays that share rooms have the same.
	Prefix string
	// Rooms bounds the rooms that have members at this relay, and Members those of a room;
	// 10,000 and 50.
	Rooms, Members int
	// Interval is how often the relay repeats what the others must know. One that is silent
	// for three intervals has ended; 5 seconds.
	Interval time.Duration
	// Answer is how long the first member of a room at this relay waits at most for the
	// relays that do not answer who is there; a second.
	Answer time.Duration
}

// A Bus is the rooms of one relay, joined with those of others. It is safe for concurrent use.
type Bus struct {
	nc      *nats.Conn
	opts    Options
	id      relayID
	in      chan *nats.Msg
	changes chan nats.Status
	ended   chan struct{} // closed by Close
	done    chan struct{} // run has ended
	close   sync.Once
	out     sync.Mutex // held while a list of members is sent; acquired before mu

	mu     sync.Mutex
	rooms  map[relay.RoomID]*room
	relays map[relayID]time.Time // the others, and when each was heard last
	closed bool
}

const (
	mostRelays = 256
	// queued bounds the messages of NATS that wait: with the longest payloads 32 MiB.
	queued = 1024
	// meeting is how long New waits for the other relays.
	meeting = 250 * time.Millisecond
)

// New returns a Bus over a connection to NATS, which stays the caller's and should reconnect
// forever (nats.MaxReconnects(-1)) without a buffer of its own (nats.ReconnectBufSize(-1)).
func New(nc *nats.Conn, opts Options) (*Bus, error) {
	if nc == nil {
		return nil, errNotMade
	}
	opts.Prefix = cmp.Or(opts.Prefix, "sealsock.relay")
	if strings.ContainsAny(opts.Prefix, " \t\r\n*>") {
		return nil, fmt.Errorf("natsbus: the prefix %q is no subject of NATS: it has a blank "+
			"or a wildcard", opts.Prefix)
	}
	opts.Rooms = positive(opts.Rooms, 10_000)
	opts.Members = min(positive(opts.Members, 50), mostEntries)
	opts.Interval = positive(opts.Interval, 5*time.Second)
	opts.Answer = positive(opts.Answer, time.Second)
	b := &Bus{
		nc: nc, opts: opts, in: make(chan *nats.Msg, queued),
		ended: make(chan struct{}), done: make(chan struct{}),
		rooms: make(map[relay.RoomID]*room), relays: make(map[relayID]time.Time),
	}
	rand.Read(b.id[:]) // never fails
	if err := b.start(); err != nil {
		return nil, fmt.Errorf("natsbus: NATS refused: %w", err)
	}
	return b, nil
}

func positive[N int | time.Duration](n, otherwise N) N {
	if n <= 0 {
		return otherwise
	}
	return n
}

var errNotMade = fmt.Errorf("natsbus: a nil or zero value: use New: %w", os.ErrInvalid)

// start subscribes, and asks who the other relays are.
func (b *Bus) start() error {
	var subs []*nats.Subscription
	for _, s := range []string{b.subject("relays"), b.subject("hello"), b.subjectOf(b.id)} {
		sub, err := b.nc.ChanSubscribe(s, b.in)
		if err != nil {
			return err
		}
		subs = append(subs, sub)
	}
	b.changes = b.nc.StatusChanged(nats.CONNECTED)
	go b.run(subs)
	err := b.send(b.subject("relays"), &packet{kind: kindBeat, flags: beatAsks})
	if err == nil {
		err = b.nc.FlushTimeout(10 * time.Second)
	}
	if err != nil {
		b.Close()
		return err
	}
	select {
	case <-time.After(meeting):
	case <-b.ended:
	}
	return nil
}

func (b *Bus) subject(name string) string { return b.opts.Prefix + ".1." + name }

func (b *Bus) subjectOf(id relayID) string { return b.subject("to." + hex.EncodeToString(id[:])) }

func (b *Bus) subjectOfRoom(id relay.RoomID) string {
	return b.subject("room." + hex.EncodeToString(id[:]))
}

// send sends a packet, and returns an error if there is no connection. NATS would keep the
// packet until there is one, when it is of no use any more.
func (b *Bus) send(subject string, p *packet) error {
	if !b.nc.IsConnected() {
		return nats.ErrDisconnected
	}
	p.relay = b.id
	return b.nc.Publish(subject, p.append(nil))
}

// Close leaves all rooms. The other relays are told. Members of the rooms are not.
func (b *Bus) Close() error {
	if b == nil || b.nc == nil {
		return errNotMade
	}
	b.close.Do(func() {
		b.send(b.subject("relays"), &packet{kind: kindBeat, flags: beatEnds})
		b.mu.Lock()
		b.closed = true
		for _, r := range b.rooms {
			b.drop(r)
		}
		b.mu.Unlock()
		close(b.ended)
	})
	<-b.done
	return nil
}

// run handles what comes from NATS, in order, until Close.
func (b *Bus) run(subs []*nats.Subscription) {
	defer close(b.done)
	defer func() {
		b.nc.RemoveStatusListener(b.changes)
		for _, s := range subs {
			s.Unsubscribe()
		}
	}()
	tick := time.NewTicker(b.opts.Interval)
	defer tick.Stop()
	changes := b.changes
	for {
		select {
		case m := <-b.in:
			if p, err := parse(m.Data); err == nil && p.relay != b.id {
				b.receive(p)
			}
		case <-tick.C:
			b.beat(0)
			b.expire(time.Now())
			b.repeat(false)
		case _, ok := <-changes:
			if !ok {
				changes = nil
				continue
			}
			b.beat(beatAsks)
			b.repeat(true)
		case <-b.ended:
			return
		}
	}
}

func (b *Bus) beat(flags byte) {
	b.send(b.subject("relays"), &packet{kind: kindBeat, flags: flags})
}

// repeat sends the members of each room again, and asks for those of others if they may be
// other ones by now.
func (b *Bus) repeat(ask bool) {
	b.mu.Lock()
	var all []relay.RoomID
	for id := range b.rooms {
		all = append(all, id)
	}
	b.mu.Unlock()
	for _, id := range all {
		b.publish(id)
		if ask {
			b.send(b.subject("hello"), &packet{kind: kindHello, room: id})
		}
	}
}

// expire removes the relays that have been silent for too long.
func (b *Bus) expire(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, heard := range b.relays {
		if now.Sub(heard) > 3*b.opts.Interval {
			b.lose(id)
		}
	}
}

// lose removes a relay, whose members have left. The caller holds the lock.
func (b *Bus) lose(id relayID) {
	delete(b.relays, id)
	for _, r := range b.rooms {
		r.merge(id, nil)
		r.answered(id)
	}
}

// receive handles a packet of another relay.
func (b *Bus) receive(p *packet) {
	if !b.heard(p) {
		return
	}
	switch {
	case p.kind == kindHello:
		b.sendRoster(kindAnswer, p.room, b.subjectOf(p.relay))
	case p.kind == kindBeat && p.flags&beatAsks != 0:
		b.beat(0)
		b.askAgain(p.relay)
	case p.kind == kindRoster || p.kind == kindAnswer:
		b.merge(p)
	case p.kind == kindDeliver && !b.deliver(p):
		b.send(b.subjectOf(p.relay),
			&packet{kind: kindUndeliverable, room: p.room, to: p.from, from: p.to})
		if !b.has(p.room) {
			b.sendRoster(kindRoster, p.room, b.subjectOf(p.relay))
		}
	case p.kind == kindUndeliverable:
		b.mu.Lock()
		if s := b.rooms[p.room].seat(p.to); s != nil {
			s.sink(&relay.Message{Kind: relay.KindUndeliverable, Member: p.from})
		}
		b.mu.Unlock()
	}
}

// has reports whether a room has, or had until now, members here.
func (b *Bus) has(id relay.RoomID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rooms[id] != nil
}

// askAgain asks a relay, which had no connection to NATS, for its members of each room in which
// it had some. A room whose last member has left meanwhile is in no list that it repeats.
func (b *Bus) askAgain(id relayID) {
	b.mu.Lock()
	var rooms []relay.RoomID
	for _, r := range b.rooms {
		for _, at := range r.others {
			if at.relay == id {
				rooms = append(rooms, r.id)
				break
			}
		}
	}
	b.mu.Unlock()
	for _, room := range rooms {
		b.send(b.subjectOf(id), &packet{kind: kindHello, room: room})
	}
}

// heard notes that a relay runs, or that it ends. It reports whether the packet is to be
// handled: a relay beyond the bound has no members here.
func (b *Bus) heard(p *packet) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.kind == kindBeat && p.flags&beatEnds != 0 {
		b.lose(p.relay)
		return false
	}
	if _, known := b.relays[p.relay]; !known && len(b.relays) >= mostRelays {
		return false
	}
	b.relays[p.relay] = time.Now()
	return true
}

// deliver passes a payload to a member here, and reports whether it has space for it.
func (b *Bus) deliver(p *packet) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rooms[p.room].deliver(p)
}

// merge takes the list of another relay. One that is no answer may have been made before the
// relay was asked.
func (b *Bus) merge(p *packet) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rooms[p.room]
	if r == nil {
		return
	}
	r.merge(p.relay, p.members)
	if p.kind == kindAnswer {
		r.answered(p.relay)
	}
}

// publish tells the other relays which members a room has at this one.
func (b *Bus) publish(id relay.RoomID) { b.sendRoster(kindRoster, id, b.subjectOfRoom(id)) }

// sendRoster sends the list of the members that a room has at this relay. The lists of a room
// are sent in the order in which they were made.
func (b *Bus) sendRoster(k kind, id relay.RoomID, subject string) {
	b.out.Lock()
	defer b.out.Unlock()
	b.mu.Lock()
	p := &packet{kind: k, room: id, members: b.rooms[id].roster()}
	b.mu.Unlock()
	b.send(subject, p) // if it is lost, the next one replaces it
}
