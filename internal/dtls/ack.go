package dtls

import (
	"encoding/binary"
	"slices"

	"github.com/sealsock/sealsock/internal/record"
)

// MaxAcks is how many records are remembered to be acknowledged: the latest ones.
const MaxAcks = 32

// fewAcks is how many a flight has that fits into a few datagrams.
const fewAcks = 4

// ackLen is the length in bytes of a record number in an ACK. RFC 9147, Section 7:
//
//	struct { uint64 epoch; uint64 sequence_number; } RecordNumber;
//	struct { RecordNumber record_numbers<0..2^16-1>; } ACK;
const ackLen = 16

// Acks lists records to acknowledge. Its zero value lists none.
type Acks struct {
	numbers []record.Number
	room    [fewAcks]record.Number
}

// Add adds a record.
func (a *Acks) Add(n record.Number) {
	if len(a.numbers) == MaxAcks {
		a.numbers = slices.Delete(a.numbers, 0, 1)
	}
	if a.numbers == nil {
		a.numbers = a.room[:0]
	}
	a.numbers = append(a.numbers, n)
}

// Empty reports whether there is nothing to acknowledge.
func (a *Acks) Empty() bool { return len(a.numbers) == 0 }

// Clear forgets all: the next flight acknowledges them.
func (a *Acks) Clear() { a.numbers = nil }

// Message returns the content of an ACK of at most room bytes: the latest numbers that fit,
// in order. RFC 9147, Section 7.1: "Record numbers SHOULD be listed in numerically increasing
// order".
func (a *Acks) Message(room int) []byte {
	n := min(len(a.numbers), max(0, room-2)/ackLen)
	list := make([]record.Number, 0, n)
	for _, n := range a.numbers[len(a.numbers)-n:] {
		i := len(list)
		for i > 0 && n.Compare(list[i-1]) < 0 {
			i--
		}
		if i == 0 || list[i-1] != n {
			list = slices.Insert(list, i, n)
		}
	}
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 2+n*ackLen), uint16(len(list)*ackLen))
	for _, n := range list {
		b = binary.BigEndian.AppendUint64(b, n.Epoch)
		b = binary.BigEndian.AppendUint64(b, n.Sequence)
	}
	return b
}

// ParseAck returns the record numbers of an ACK. It is not ok if that is malformed.
func ParseAck(b []byte) (list []record.Number, ok bool) {
	if len(b) < 2 || int(binary.BigEndian.Uint16(b)) != len(b)-2 || (len(b)-2)%ackLen != 0 {
		return nil, false
	}
	list = make([]record.Number, 0, (len(b)-2)/ackLen)
	for b = b[2:]; len(b) > 0; b = b[ackLen:] {
		list = append(list, record.Number{
			Epoch: binary.BigEndian.Uint64(b), Sequence: binary.BigEndian.Uint64(b[8:]),
		})
	}
	return list, true
}
