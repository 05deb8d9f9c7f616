package record

import "github.com/sealsock/sealsock/iana"

// TypeNewKey is the type of a frame, without a payload, behind which the next key is in use. No
// record has it: RFC 9846, Section 5.1, has the content type 0 as invalid.
const TypeNewKey iana.ContentType = 0

// An Outside stands in place of a key that something else holds, such as the kernel. What it
// appends is not sealed: frames for the holder of the key, each a header with the content type
// and the length, and the payload.
type Outside struct{ seq, limit uint64 }

var _ Sealer = (*Outside)(nil)

// NewOutside returns an Outside whose next record has the number seq, for a key that may protect
// limit records.
func NewOutside(seq, limit uint64) *Outside { return &Outside{seq, limit} }

// Seal appends one frame. The holder of the key adds no padding.
func (o *Outside) Seal(dst []byte, typ iana.ContentType, payload []byte, _ int) ([]byte, error) {
	if o.seq >= o.limit {
		return dst, ErrExhausted
	}
	o.seq++
	return PlainTLS12.Seal(dst, typ, payload, 0)
}

// Overhead is the header of a frame.
func (*Outside) Overhead() int { return HeaderLen }

// Left returns how many records the key may still seal.
func (o *Outside) Left() uint64 { return o.limit - min(o.seq, o.limit) }

// Sequence returns the number of the next record.
func (o *Outside) Sequence() uint64 { return o.seq }

// SetSequence continues with the number that the holder of the key has come to.
func (o *Outside) SetSequence(n uint64) { o.seq = n }
