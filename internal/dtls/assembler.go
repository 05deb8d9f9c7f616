package dtls

import (
	"errors"
	"slices"

	"github.com/sealsock/sealsock/iana"
)

// Bounds of an Assembler. A flight has at most seven messages.
const (
	maxAhead      = 6        // messages behind the next one that are kept
	maxAheadBytes = 64 << 10 // of their bodies, as far as they have come
	maxRanges     = 512      // parts of a message with gaps between them
	maxShared     = 4 << 10  // bytes of memory for several messages
)

// messageHeaderLen is the length of the header of a message in TLS: its type and length.
const messageHeaderLen = 4

// Errors of an Assembler.
var (
	// ErrMismatch means that fragments of one message differ in its type or length.
	ErrMismatch = errors.New("fragments of a handshake message do not match")
	// ErrTooLong means that a message is longer than the limit.
	ErrTooLong = errors.New("a handshake message exceeds the size limit")
)

// A Verdict is what an Assembler did with a fragment.
type Verdict uint8

// The verdicts.
const (
	Kept    Verdict = iota // it is part of the next message or of a later one
	Old                    // its message was delivered before
	Dropped                // there is no room for it; the peer will send it again
)

// An Assembler puts fragments together to messages, and delivers the messages in order. Its
// zero value awaits message 0.
type Assembler struct {
	next  uint16
	parts [maxAhead + 1]*partial // parts[i] is of message next+i, or nil
	ahead int                    // bytes of parts[1:]
	few   [4]partial             // memory for parts
	room  []byte                 // memory for the messages of a record
	bytes int                    // that this memory has at least
}

// A partial is a message that is not whole yet.
type partial struct {
	used   bool
	typ    iana.HandshakeType
	length int
	raw    []byte  // with a header as in TLS; as long as the last byte that has come
	ranges []Range // what has come, in order, with gaps in between
	one    [1]Range
}

// A Range is a part of the body of a message: its first byte, and the one behind its last.
type Range struct{ From, To int }

// StartAt makes a the one that awaits message n first, and not 0.
func (a *Assembler) StartAt(n uint16) { a.next = n }

// Next is the number of the message that is awaited.
func (a *Assembler) Next() uint16 { return a.next }

// Pending reports whether fragments wait for others.
func (a *Assembler) Pending() bool {
	return slices.ContainsFunc(a.parts[:], func(p *partial) bool { return p != nil })
}

// Begin is called before the fragments of a record, of n bytes together, whose messages then share
// their memory, and with 0 behind them.
func (a *Assembler) Begin(n int) { a.room, a.bytes = nil, min(n, maxShared) }

// Add takes a fragment of a message that may have limit bytes.
func (a *Assembler) Add(f Fragment, limit int) (Verdict, error) {
	i := int(int16(f.Seq - a.next)) // 0 follows 65,535
	switch {
	case i < 0:
		return Old, nil
	case i > maxAhead:
		return Dropped, nil
	case f.Length > limit:
		return Dropped, ErrTooLong
	}
	p := a.parts[i]
	if p == nil {
		p = a.unused()
		*p = partial{typ: f.Type, length: f.Length}
		p.ranges = p.one[:0]
	} else if p.typ != f.Type || p.length != f.Length {
		return Dropped, ErrMismatch
	}
	grown := max(0, messageHeaderLen+f.Offset+len(f.Data)-len(p.raw))
	if i > 0 && a.ahead+grown > maxAheadBytes || len(p.ranges) >= maxRanges {
		return Dropped, nil
	}
	a.parts[i], p.used = p, true
	if i > 0 {
		a.ahead += grown
	}
	a.add(p, f)
	return Kept, nil
}

// unused returns memory for a message.
func (a *Assembler) unused() *partial {
	for i := range a.few {
		if p := &a.few[i]; !p.used {
			return p
		}
	}
	return new(partial)
}

// memory returns memory for n bytes of a message.
func (a *Assembler) memory(n int) []byte {
	if n > len(a.room) {
		a.room = make([]byte, max(n, a.bytes))
	}
	b := a.room[:0:n]
	a.room = a.room[n:]
	return b
}

// add copies what is new of a fragment.
func (a *Assembler) add(p *partial, f Fragment) {
	from, to := f.Offset, f.Offset+len(f.Data)
	if n := messageHeaderLen + to; n > cap(p.raw) {
		// Most messages that do not fit into one datagram fit into two.
		room := min(messageHeaderLen+p.length, 2*n)
		p.raw = append(a.memory(room), p.raw...)[:n]
	} else if n > len(p.raw) {
		p.raw = p.raw[:n]
	}
	copy(p.raw[messageHeaderLen+from:], f.Data)
	p.ranges = Join(p.ranges, Range{from, to})
}

// Join adds a range to a sorted list of them.
func Join(list []Range, r Range) []Range {
	i := 0
	for i < len(list) && list[i].To < r.From {
		i++
	}
	end := i
	for end < len(list) && list[end].From <= r.To {
		r.From, r.To = min(r.From, list[end].From), max(r.To, list[end].To)
		end++
	}
	if i == end {
		return slices.Insert(list, i, r)
	}
	list[i] = r
	return append(list[:i+1], list[end:]...)
}

// whole reports whether everything has come.
func (p *partial) whole() bool {
	return len(p.ranges) == 1 && p.ranges[0] == Range{0, p.length}
}

// Take returns the next message, if it is whole, with the header that it has in TLS.
func (a *Assembler) Take() (raw []byte, ok bool) {
	if a.parts[0] == nil || !a.parts[0].whole() {
		return nil, false
	}
	p := a.parts[0]
	raw = p.raw
	raw[0], raw[1] = byte(p.typ), byte(p.length>>16)
	raw[2], raw[3] = byte(p.length>>8), byte(p.length)
	*p = partial{}
	copy(a.parts[:], a.parts[1:])
	a.parts[maxAhead] = nil
	if a.parts[0] != nil {
		a.ahead -= len(a.parts[0].raw)
	}
	a.next++
	return raw[:len(raw):len(raw)], true
}
