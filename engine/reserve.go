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
// time.
type Reserved struct {
	sealer *record.Sealer13
	max    int
}

// Reserve reserves the records for n bytes of data, which it counts as sent. It returns nil if
// they cannot be sealed apart: before the handshake is done or after the end, in TLS 1.2, with
// Config.Padding, while Config.DynamicRecords makes small records, and if the key has to be
// replaced in front of one of them. Then Seal does what is due.
func (s *Sender) Reserve(n int) *Reserved {
	if s == nil || !s.ready || s.closed || n <= 0 || !s.plain() || s.wake() != nil {
		return nil
	}
	sealer, ok := s.sealer.(*record.Sealer13)
	records := uint64((n + s.max - 1) / s.max)
	if !ok || !s.traffic.Valid() || s.spentAfter(records-1) || s.spend(n) != nil {
		return nil
	}
	return &Reserved{sealer.Reserve(records), s.max}
}

// plain reports whether a record has as much data as fits, and nothing else.
func (s *Sender) plain() bool {
	return s.cfg.Padding == nil && (!s.cfg.DynamicRecords || s.sent >= smallRecords)
}

// Seal appends the records with data, which has as many bytes as were reserved.
func (r *Reserved) Seal(dst, data []byte) ([]byte, error) {
	if r == nil || r.sealer == nil {
		return dst, usage("a Reserved comes from Sender.Reserve")
	}
	for len(data) > 0 {
		part := data[:min(len(data), r.max)]
		var err error
		if dst, err = r.sealer.Seal(dst, iana.ContentApplicationData, part, 0); err != nil {
			return dst, local("a record cannot be encrypted", err)
		}
		data = data[len(part):]
	}
	return dst, nil
}

// Format keeps the key out of every print and log, for every verb.
func (Reserved) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") }

// MarshalText keeps the key out of logs in JSON.
func (Reserved) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }
