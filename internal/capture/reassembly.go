package capture

import (
	"bytes"
	"slices"
)

// A stream puts the segments of one direction in order.
type stream struct {
	started bool
	next    uint32 // the number of the byte after those delivered
	waiting []piece
	size    int  // bytes of waiting
	lost    bool // too much waits for a segment that is missing
}

// A piece is a segment that came before one that precedes it.
type piece struct {
	seq  uint32
	data []byte
}

// maxWaiting and maxPieces bound what waits for a missing segment, in each direction.
const (
	maxWaiting = 256 << 10
	maxPieces  = 512
)

// before reports whether a stands before b. RFC 9293, Section 3.4: the numbers wrap around.
func before(a, b uint32) bool { return int32(a-b) < 0 }

// add takes a segment, and passes each run of bytes that is then in order to deliver.
func (s *stream) add(seg *segment, deliver func([]byte)) {
	seq := seg.seq
	if seg.syn {
		seq++ // SYN counts as a byte
		s.started, s.next = true, seq
		s.waiting, s.size = nil, 0
	}
	if s.lost || len(seg.payload) == 0 {
		return
	}
	if !s.started { // the capture began within the connection
		s.started, s.next = true, seq
	}
	if before(s.next, seq) {
		s.keep(seq, seg.payload)
		return
	}
	s.deliver(seq, seg.payload, deliver)
	for len(s.waiting) > 0 && !before(s.next, s.waiting[0].seq) {
		p := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.size -= len(p.data)
		s.deliver(p.seq, p.data, deliver)
	}
}

// deliver passes on what has not been passed on before.
func (s *stream) deliver(seq uint32, data []byte, deliver func([]byte)) {
	if old := int(int32(s.next - seq)); old > 0 {
		data = data[min(old, len(data)):]
	}
	if s.next += uint32(len(data)); len(data) > 0 {
		deliver(data)
	}
}

// keep keeps a copy of a piece, in order.
func (s *stream) keep(seq uint32, data []byte) {
	if s.size+len(data) > maxWaiting || len(s.waiting) >= maxPieces {
		s.lose()
		return
	}
	at, _ := slices.BinarySearchFunc(s.waiting, seq, func(p piece, seq uint32) int {
		return int(int32(p.seq - seq))
	})
	s.waiting = slices.Insert(s.waiting, at, piece{seq, bytes.Clone(data)})
	s.size += len(data)
}

// lose ends the stream.
func (s *stream) lose() { s.lost, s.waiting, s.size = true, nil, 0 }

// gap reports whether bytes are missing before others that were captured.
func (s *stream) gap() bool { return s.lost || len(s.waiting) > 0 }
