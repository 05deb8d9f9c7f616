package record

import (
	"encoding/binary"
	"slices"

	"github.com/sealsock/sealsock/iana"
)

// DatagramHeaderLen is the length in bytes of the header of a record in a datagram, without
// that of encrypted ones of DTLS 1.3. RFC 9147, Section 4:
//
//	struct {
//	    ContentType type;
//	    ProtocolVersion legacy_record_version;
//	    uint16 epoch;
//	    uint48 sequence_number;
//	    uint16 length;
//	    opaque fragment[DTLSPlaintext.length];
//	} DTLSPlaintext;
const DatagramHeaderLen = 13

// MaxNumber bounds the numbers of records, which have 48 bits.
const MaxNumber = 1 << 48

// A Number identifies a record of one direction of a connection of DTLS.
type Number struct{ Epoch, Sequence uint64 }

// Compare orders numbers by epoch and then by sequence.
func (n Number) Compare(m Number) int {
	switch {
	case n.Epoch < m.Epoch, n.Epoch == m.Epoch && n.Sequence < m.Sequence:
		return -1
	case n == m:
		return 0
	}
	return 1
}

// A DatagramSealer protects one direction of one epoch of DTLS.
type DatagramSealer interface {
	// SealDatagram appends one record with the payload, which must not overlap the room
	// behind dst, and pad bytes of padding where the version has it.
	SealDatagram(dst []byte, typ iana.ContentType, payload []byte, pad int) ([]byte, Number, error)
	// DatagramOverhead is how many bytes a record is longer than its payload.
	DatagramOverhead() int
	// Epoch is the number of the key.
	Epoch() uint64
	// Left returns how many records the key may still seal before it must be replaced.
	Left() uint64
}

// A DatagramOpener opens records of one direction of one epoch of DTLS.
type DatagramOpener interface {
	// OpenDatagram checks and decrypts a record in place and returns its true type, its
	// payload, which aliases it, and its number. A record that was opened before is
	// ErrReplayed.
	OpenDatagram(r DatagramRecord) (iana.ContentType, []byte, Number, error)
	// Epoch is the number of the key.
	Epoch() uint64
}

// A DatagramRecord is one record of a datagram, before it is opened.
type DatagramRecord struct {
	// Unified is true for the header of DTLS 1.3 for encrypted records. Then Epoch holds
	// the low two bits of the epoch, and Type and Version are 0.
	Unified bool
	Type    iana.ContentType
	Version iana.Version
	Epoch   uint64
	raw     []byte
	id      []byte // nil without a connection ID
	header  int    // bytes of raw
}

// ConnectionID returns the connection ID of the record, which aliases it; nil if it has none.
func (r DatagramRecord) ConnectionID() []byte { return r.id }

// Matches reports whether the record may be one of an epoch.
func (r DatagramRecord) Matches(epoch uint64) bool {
	if r.Unified {
		return epoch&3 == r.Epoch
	}
	return epoch == r.Epoch
}

// Len is the length of the payload as it stands, in bytes.
func (r DatagramRecord) Len() int { return len(r.raw) - r.header }

// The bits of the unified header. RFC 9147, Section 4.
//
//	0 0 1 C S L E E
const (
	unifiedMask   = 0xe0
	unified       = 0x20
	unifiedCID    = 0x10
	unifiedLong   = 0x08 // the number has 16 bits, not 8
	unifiedLength = 0x04 // the length is there
	unifiedEpoch  = 0x03
)

// NextRecord takes the first record off a datagram. It is not ok if there is none: RFC 9147,
// Section 4.1: the rest of the datagram is then discarded. A connection ID has idLen bytes; a
// record with one is not for a connection that receives none (RFC 9147, Section 9).
func NextRecord(b []byte, idLen int) (r DatagramRecord, rest []byte, ok bool) {
	if len(b) == 0 {
		return r, nil, false
	}
	if b[0]&unifiedMask == unified {
		return nextUnified(b, idLen)
	}
	if iana.ContentType(b[0]) != iana.ContentTLS12CID {
		idLen = 0
	} else if idLen == 0 {
		return r, nil, false
	}
	if len(b) < DatagramHeaderLen+idLen {
		return r, nil, false
	}
	r = DatagramRecord{
		Type:    iana.ContentType(b[0]),
		Version: iana.Version(binary.BigEndian.Uint16(b[1:])),
		Epoch:   uint64(binary.BigEndian.Uint16(b[3:])),
		header:  DatagramHeaderLen + idLen,
	}
	if idLen > 0 {
		r.id = b[idAt12:][:idLen:idLen]
	}
	return cut(r, b, int(binary.BigEndian.Uint16(b[idAt12+idLen:])))
}

// idAt12 is where the connection ID of a record of DTLS 1.2 stands: behind the number.
// RFC 9146, Section 4.
const idAt12 = 11

// nextUnified is NextRecord for the header of DTLS 1.3.
func nextUnified(b []byte, idLen int) (r DatagramRecord, rest []byte, ok bool) {
	r = DatagramRecord{Unified: true, Epoch: uint64(b[0] & unifiedEpoch), header: 2}
	if b[0]&unifiedCID != 0 {
		if idLen == 0 || len(b) < 1+idLen {
			return DatagramRecord{}, nil, false
		}
		r.id = b[1:][:idLen:idLen]
		r.header += idLen
	}
	if b[0]&unifiedLong != 0 {
		r.header++
	}
	if b[0]&unifiedLength == 0 {
		return cut(r, b, len(b)-r.header)
	}
	at := r.header
	r.header += 2
	if len(b) < r.header {
		return DatagramRecord{}, nil, false
	}
	return cut(r, b, int(binary.BigEndian.Uint16(b[at:])))
}

// cut ends a record behind n bytes of payload.
func cut(r DatagramRecord, b []byte, n int) (DatagramRecord, []byte, bool) {
	if n < 0 || n > len(b)-r.header {
		return DatagramRecord{}, nil, false
	}
	end := r.header + n
	r.raw = b[:end:end]
	return r, b[end:], true
}

// A window remembers which of the latest numbers of an epoch were used. RFC 9147, Section
// 4.5.1.
type window struct {
	next uint64 // one more than the highest number
	seen [windowLen / 64]uint64
}

// windowLen is how many numbers behind the highest one may still come. Fast networks reorder
// more than the 64 that the RFC has as a minimum.
const windowLen = 256

// fresh reports whether a number was not used yet.
func (w *window) fresh(n uint64) bool {
	switch {
	case n >= w.next:
		return true
	case w.next-n > windowLen:
		return false
	}
	return w.seen[n%windowLen/64]&(1<<(n%64)) == 0
}

// use marks a number, which is fresh.
func (w *window) use(n uint64) {
	if n >= w.next {
		if n-w.next >= windowLen {
			clear(w.seen[:])
		} else {
			for i := w.next; i < n; i++ {
				w.seen[i%windowLen/64] &^= 1 << (i % 64)
			}
		}
		w.next = n + 1
	}
	w.seen[n%windowLen/64] |= 1 << (n % 64)
}

// near returns the number with the given low bits that is closest to the next one. RFC 9147,
// Section 4.2.2.
func (w *window) near(low uint64, bits int) uint64 {
	size := uint64(1) << bits
	n := w.next&^(size-1) | low
	switch {
	case n > w.next+size/2 && n >= size:
		n -= size
	case n+size/2 < w.next:
		n += size
	}
	return n
}

// PlainDatagrams is the protection of epoch 0: none. The same value must not be used for both
// directions.
type PlainDatagrams struct {
	// Version goes into the header.
	Version iana.Version
	seq     uint64
}

var (
	_ DatagramSealer = (*PlainDatagrams)(nil)
	_ DatagramOpener = (*PlainDatagrams)(nil)
)

// SealDatagram appends the payload behind a header.
func (p *PlainDatagrams) SealDatagram(
	dst []byte, typ iana.ContentType, payload []byte, _ int,
) ([]byte, Number, error) {
	if p.seq >= MaxNumber {
		return dst, Number{}, ErrExhausted
	}
	n := Number{Sequence: p.seq}
	p.seq++
	dst = slices.Grow(dst, DatagramHeaderLen+len(payload))
	dst = appendDatagramHeader(dst, typ, p.Version, n, len(payload))
	return append(dst, payload...), n, nil
}

// appendDatagramHeader appends the header of a record without the unified one.
func appendDatagramHeader(
	dst []byte, typ iana.ContentType, version iana.Version, n Number, length int,
) []byte {
	dst = append(dst, byte(typ), byte(version>>8), byte(version))
	dst = binary.BigEndian.AppendUint64(dst, n.Epoch<<48|n.Sequence)
	return binary.BigEndian.AppendUint16(dst, uint16(length))
}

// number is the number in a header that is not the unified one.
func (r DatagramRecord) number() Number {
	n := binary.BigEndian.Uint64(r.raw[3:])
	return Number{n >> 48, n & (MaxNumber - 1)}
}

// SetSequence makes n the number of the next record.
func (p *PlainDatagrams) SetSequence(n uint64) { p.seq = n }

// DatagramOverhead is the header.
func (p *PlainDatagrams) DatagramOverhead() int { return DatagramHeaderLen }

// Epoch is 0.
func (p *PlainDatagrams) Epoch() uint64 { return 0 }

// Left is without limit: there is no key.
func (p *PlainDatagrams) Left() uint64 { return 1 << 62 }

// OpenDatagram returns the payload as it is. The numbers of epoch 0 prove nothing: anybody
// can use one up before the peer does, so that none is refused as a repetition.
func (p *PlainDatagrams) OpenDatagram(r DatagramRecord) (iana.ContentType, []byte, Number, error) {
	if r.Unified {
		return 0, nil, Number{}, ErrMalformed
	}
	if r.Len() > MaxPlaintext {
		return 0, nil, Number{}, ErrOverflow
	}
	return r.Type, r.raw[r.header:], r.number(), nil
}
