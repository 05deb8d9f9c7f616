package natsbus

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"

	"github.com/sealsock/sealsock/relay"
)

// A relayID is the random number of one Bus.
type relayID [16]byte

// kind is the first byte of a message over NATS. The number of the relay that sent it follows.
type kind byte

const (
	kindBeat          kind = 1 // flags: the relay runs, or it asks who else does, or it ends
	kindHello         kind = 2 // room: who has members there?
	kindRoster        kind = 3 // room, and the members there, after a change or again
	kindAnswer        kind = 6 // the same, as the answer to a hello
	kindDeliver       kind = 4 // room, member, sender, payload
	kindUndeliverable kind = 5 // room, the sender, and the member that it was for
)

// The flags of a beat.
const (
	beatAsks byte = 1
	beatEnds byte = 2
)

// A packet is a message over NATS.
type packet struct {
	kind    kind
	relay   relayID
	flags   byte
	room    relay.RoomID
	members []entry
	to      relay.MemberID
	from    relay.MemberID
	payload []byte
}

// An entry is a member in a list, and when it joined, in milliseconds since 1970 or later.
type entry struct {
	member relay.MemberID
	stamp  uint64
}

const (
	headSize    = 1 + 16
	roomSize    = 32
	memberSize  = 16
	entrySize   = memberSize + 8
	mostEntries = 2000
)

// append appends the packet to b.
func (p *packet) append(b []byte) []byte {
	b = append(append(b, byte(p.kind)), p.relay[:]...)
	if p.kind == kindBeat {
		return append(b, p.flags)
	}
	b = append(b, p.room[:]...)
	switch p.kind {
	case kindRoster, kindAnswer:
		for _, e := range p.members {
			b = binary.BigEndian.AppendUint64(append(b, e.member[:]...), e.stamp)
		}
	case kindDeliver, kindUndeliverable:
		b = append(append(append(b, p.to[:]...), p.from[:]...), p.payload...)
	}
	return b
}

var errMalformed = errors.New("malformed message")

// parse parses b. The payload of the packet is a part of b.
func parse(b []byte) (*packet, error) {
	if len(b) < headSize {
		return nil, errMalformed
	}
	p := &packet{kind: kind(b[0]), relay: relayID(b[1:])}
	rest := b[headSize:]
	if p.kind == kindBeat {
		if len(rest) != 1 {
			return nil, errMalformed
		}
		p.flags = rest[0]
		return p, nil
	}
	if len(rest) < roomSize {
		return nil, errMalformed
	}
	p.room, rest = relay.RoomID(rest), rest[roomSize:]
	return p, p.parseBody(rest)
}

// parseBody parses what follows the room.
func (p *packet) parseBody(b []byte) error {
	switch p.kind {
	case kindHello:
		if len(b) == 0 {
			return nil
		}
	case kindRoster, kindAnswer:
		if len(b)%entrySize != 0 || len(b) > mostEntries*entrySize {
			return errMalformed
		}
		for ; len(b) > 0; b = b[entrySize:] {
			p.members = append(p.members,
				entry{relay.MemberID(b), binary.BigEndian.Uint64(b[memberSize:])})
		}
		return nil
	case kindDeliver, kindUndeliverable:
		if len(b) < 2*memberSize || len(b) > 2*memberSize+relay.MaxPayload {
			return errMalformed
		}
		p.to, p.from = relay.MemberID(b), relay.MemberID(b[memberSize:])
		p.payload = b[2*memberSize:]
		if p.kind == kindDeliver || len(p.payload) == 0 {
			return nil
		}
	}
	return errMalformed
}

// A place is where a member is: at which relay, and since when.
type place struct {
	relay relayID
	stamp uint64
}

// after reports whether a member that is at both places is at p, and not at q any more.
func (p place) after(q place) bool {
	return cmp.Or(cmp.Compare(p.stamp, q.stamp), bytes.Compare(p.relay[:], q.relay[:])) > 0
}
