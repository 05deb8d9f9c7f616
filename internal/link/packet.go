package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"

	"github.com/sealsock/sealsock/relay"
)

const (
	headerSize = 2 + 4*8
	countEnd   = 2 + 8 // behind the number of the packet
	tagSize    = 16
	maxData    = relay.MaxPayload - headerSize - tagSize
)

// packetType is the type of a packet.
type packetType byte

const (
	typeData  packetType = 1
	typeAck   packetType = 2
	typeFin   packetType = 3
	typeReset packetType = 4
)

// flagMissing marks that the sender received bytes that do not follow the acknowledged.
const flagMissing = 1

// A packet is what a link sends in one message.
type packet struct {
	kind    packetType
	missing bool
	count   uint64 // of the packets before it in its direction; set by seal
	number  uint64
	ack     uint64
	limit   uint64
	data    []byte

	memory []byte // if not nil, of the packet: data begin behind its header
}

var (
	errForged = errors.New("a packet is not authentic")
	errFormat = errors.New("the other member sent a packet that breaks the protocol")
)

// A sealer computes the tags of one direction.
type sealer struct {
	mac     hash.Hash
	count   uint64 // of the packets that were sealed
	ends    [2]relay.MemberID
	scratch [sha256.Size]byte
}

func newSealer(key []byte, from, to relay.MemberID) *sealer {
	return &sealer{mac: hmac.New(sha256.New, key), ends: [2]relay.MemberID{from, to}}
}

// tag returns the tag of the packet in b. It is valid until the next call.
func (s *sealer) tag(b []byte) []byte {
	s.mac.Reset()
	s.mac.Write(s.ends[0][:])
	s.mac.Write(s.ends[1][:])
	s.mac.Write(b)
	return s.mac.Sum(s.scratch[:0])[:tagSize]
}

// seal returns the packet with its tag, in its memory if it has some.
func (s *sealer) seal(p *packet) []byte {
	b, inPlace := p.memory[:0], p.memory != nil
	if !inPlace {
		b = make([]byte, 0, headerSize+len(p.data)+tagSize)
	}
	flags := byte(0)
	if p.missing {
		flags = flagMissing
	}
	b = append(b, byte(p.kind), flags)
	b = binary.BigEndian.AppendUint64(b, s.count)
	s.count++
	b = binary.BigEndian.AppendUint64(b, p.number)
	b = binary.BigEndian.AppendUint64(b, p.ack)
	b = binary.BigEndian.AppendUint64(b, p.limit)
	if inPlace {
		b = b[:headerSize+len(p.data)]
	} else {
		b = append(b, p.data...)
	}
	return append(b, s.tag(b)...)
}

// open verifies the tag and parses the packet, whose data is a part of b.
func (s *sealer) open(b []byte) (*packet, error) {
	if len(b) < headerSize+tagSize {
		return nil, errForged
	}
	b, tag := b[:len(b)-tagSize], b[len(b)-tagSize:]
	if !hmac.Equal(tag, s.tag(b)) {
		return nil, errForged
	}
	return parse(b)
}

// parse parses a packet without its tag.
func parse(b []byte) (*packet, error) {
	if len(b) < headerSize || len(b) > headerSize+maxData {
		return nil, errFormat
	}
	p := &packet{
		kind:    packetType(b[0]),
		missing: b[1] == flagMissing,
		count:   binary.BigEndian.Uint64(b[2:]),
		number:  binary.BigEndian.Uint64(b[10:]),
		ack:     binary.BigEndian.Uint64(b[18:]),
		limit:   binary.BigEndian.Uint64(b[26:]),
		data:    b[headerSize:],
	}
	end := p.number + uint64(len(p.data))
	switch {
	case p.kind < typeData || p.kind > typeReset, b[1] > flagMissing,
		p.kind != typeData && len(p.data) > 0, end < p.number:
		return nil, errFormat
	}
	return p, nil
}
