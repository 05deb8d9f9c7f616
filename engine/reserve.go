package engine

import (
	"fmt"
	"io"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
)

// Reserved are records of a Sender that were counted and are not sealed yet. Another goroutine
// may seal them, while the Sender, or other Reserved of it, seal the records behind. They must
// be sent in the order in which they were reserved, all of them. It is for one goroutine at a
// time, and a copy of it seals nothing.
type Reserved struct {
	sealer record.Sealer13
	max    int       // 0 if nothing is left to seal
	self   *Reserved // a copy, which would seal with the same nonces, has another address
}

// Reserve reserves the records for n bytes of data, which it counts as sent. It returns nil if
// they cannot be sealed apart: before the handshake is done or after the end, in TLS 1.2, with
// Config.Padding, while Config.DynamicRecords makes small records, while the tickets of
// Config.TicketsWithData wait, and if the key has to be replaced in front of one of them. Then
// Seal does what is due.
func (s *Sender) Reserve(n int) *Reserved {
	r := new(Reserved)
	if !s.ReserveInto(r, n) {
		return nil
	}
	return r
}

// ReserveInto is Reserve with the memory of r, of which all records have been sealed. It returns
// false where Reserve returns nil.
func (s *Sender) ReserveInto(r *Reserved, n int) bool {
	if r == nil || n <= 0 || !s.reserves() || s.wake() != nil {
		return false
	}
	sealer, ok := s.sealer.(*record.Sealer13)
	records := uint64((n + s.max - 1) / s.max)
	if !ok || !s.traffic.Valid() || s.spentAfter(records-1) ||
		s.spend(n) != nil {
		return false
	}
	if r.self != r { // new, or a copy, which would share its memory for nonces with the first
		*r = Reserved{self: r}
	}
	sealer.Reserve(&r.sealer, records)
	r.max = s.max
	return true
}

// reserves reports whether nothing but data is due.
func (s *Sender) reserves() bool {
	return s != nil && s.ready && !s.closed && s.plain() && !s.ticketsWait()
}

// plain reports whether a record has as much data as fits, and nothing else.
func (s *Sender) plain() bool {
	return s.cfg.Padding == nil && (!s.cfg.DynamicRecords || s.sent >= smallRecords)
}

// ticketsWait reports whether tickets go out with the next data.
func (s *Sender) ticketsWait() bool { return s.tickets != nil && s.tickets.waiting > 0 }

// Seal appends the records with data, which has as many bytes as were reserved. Then r has no key
// any more.
func (r *Reserved) Seal(dst, data []byte) ([]byte, error) {
	if r == nil || r.max == 0 {
		return dst, usage("a Reserved comes from Sender.Reserve, and seals once")
	}
	if r.self != r {
		return dst, usage("a copy of a Reserved has the nonces of the first, and seals nothing")
	}
	for len(data) > 0 {
		part := data[:min(len(data), r.max)]
		var err error
		if dst, err = r.sealer.Seal(dst, iana.ContentApplicationData, part, 0); err != nil {
			return dst, local("a record cannot be encrypted", err)
		}
		data = data[len(part):]
	}
	if r.sealer.Left() == 0 {
		r.sealer.Drop()
		r.max = 0
	}
	return dst, nil
}

// Format keeps the key out of every print and log, for every verb.
func (Reserved) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") }

// MarshalText keeps the key out of logs in JSON.
func (Reserved) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }
