package record

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/gcm"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
)

// direction13 is what both directions of TLS 1.3 have: an AEAD, a static IV
// and the number of the next record.
type direction13 struct {
	aead cipher.AEAD
	*nonces
	seq   uint64
	limit uint64
	lent  bool // others may use aead: see Sealer13.Reserve
	datagram13
}

// nonces holds a static IV and space for a nonce. It stands behind a pointer because package
// fmt calls no method of an unexported field: after a verb that does not fit it follows one
// pointer, to a Sealer or an Opener, and prints the address of the next.
type nonces struct{ iv, nonce [suites.IVLen]byte }

// Format prints [redacted] for every verb, so that no output or log shows the keys.
func (direction13) Format(s fmt.State, _ rune) { io.WriteString(s, "[redacted]") }

// newDirection13 puts the IV into n.
func newDirection13(
	suite *suites.Suite, secret keys.TrafficSecret, n *nonces,
) (direction13, error) {
	var room [maxKey]byte
	key := room[:suite.KeyLen]
	n.iv = secret.Keys(key)
	aead, err := suite.Cipher(key)
	clear(key)
	if err != nil {
		return direction13{}, err
	}
	d := direction13{aead: aead, nonces: n, limit: suite.RecordLimit}
	return d, d.setDatagram(suite, secret)
}

// Sequence returns the number of the next record.
func (d *direction13) Sequence() uint64 { return d.seq }

// SetSequence continues with the record of this number, on a connection that another
// process has begun. Two Sealers of one key must never have the same numbers.
func (d *direction13) SetSequence(n uint64) { d.seq = n }

// Drop erases the key, which the next one has replaced. No other method may be called then. A
// key of which records were reserved is left to them, and to the garbage collector.
func (d *direction13) Drop() {
	if !d.lent {
		gcm.Drop(d.aead)
	}
	d.aead, *d.nonces = nil, nonces{}
}

// maxKey is the longest key of a suite, in bytes.
const maxKey = 32

// next sets the nonce for the next record: its number, padded on the left,
// xor the IV. RFC 9846, Section 5.3. In DTLS the epoch is no part of it: RFC 9147, Section
// 4.2.1.
func (d *direction13) next() {
	d.nonce = d.iv
	low := d.nonce[4:]
	binary.BigEndian.PutUint64(low, binary.BigEndian.Uint64(low)^d.seq)
	d.seq++
}

// A Sealer13 seals records of TLS 1.3.
type Sealer13 struct {
	direction13
	id []byte // that the peer receives in its records, in DTLS
}

// NewSealer13 returns a Sealer under the keys of a traffic secret.
func NewSealer13(suite *suites.Suite, secret keys.TrafficSecret) (*Sealer13, error) {
	var room struct {
		Sealer13
		nonces nonces
	}
	d, err := newDirection13(suite, secret, &room.nonces)
	if err != nil {
		return nil, err
	}
	room.direction13 = d
	return &room.Sealer13, nil
}

var _ Sealer = (*Sealer13)(nil)

// Seal appends one record:
//
//	struct {
//	    opaque content[TLSPlaintext.length];
//	    ContentType type;
//	    uint8 zeros[length_of_padding];
//	} TLSInnerPlaintext;
//
// behind the header of a TLSCiphertext, which is the additional data.
// RFC 9846, Section 5.2.
func (s *Sealer13) Seal(dst []byte, typ iana.ContentType, payload []byte, pad int) ([]byte, error) {
	if s.seq >= s.limit {
		return dst, ErrExhausted
	}
	inner, tag := len(payload)+1+pad, s.aead.Overhead()
	dst = slices.Grow(dst, HeaderLen+inner+tag)
	start := len(dst)
	dst = AppendHeader(dst, iana.ContentApplicationData, iana.TLS12, inner+tag)
	dst = append(dst, payload...)
	dst = append(dst, byte(typ))
	if pad > 0 {
		dst = append(dst, make([]byte, pad)...)
	}
	s.next()
	body := dst[start+HeaderLen:]
	s.aead.Seal(body[:0], s.nonce[:], body, dst[start:start+HeaderLen])
	return dst[:len(dst)+tag], nil
}

// Reserve takes the next n records off s and returns a Sealer for these alone, which another
// goroutine may use beside s: the AEADs of this module have no state but the key. n must not
// exceed Left. Drop does not erase the key then.
func (s *Sealer13) Reserve(n uint64) *Sealer13 {
	var room struct {
		Sealer13
		nonces nonces
	}
	s.lent = true
	room.nonces.iv = s.iv
	room.direction13 = direction13{
		aead: s.aead, nonces: &room.nonces, seq: s.seq, limit: min(s.seq+n, s.limit),
		lent: true, datagram13: s.datagram13,
	}
	s.seq = room.limit
	return &room.Sealer13
}

// Overhead is the header, the content type and the tag.
func (s *Sealer13) Overhead() int { return HeaderLen + 1 + s.aead.Overhead() }

// Left returns how many records the key may still seal.
func (s *Sealer13) Left() uint64 { return s.limit - s.seq }

// An Opener13 opens records of TLS 1.3.
type Opener13 struct {
	direction13
	// MaxInner is the largest TLSInnerPlaintext that is accepted, in bytes,
	// content type and padding included. RFC 8449, Section 4.
	MaxInner int
	window   window // in DTLS
}

// NewOpener13 returns an Opener under the keys of a traffic secret.
func NewOpener13(suite *suites.Suite, secret keys.TrafficSecret) (*Opener13, error) {
	var room struct {
		Opener13
		nonces nonces
	}
	d, err := newDirection13(suite, secret, &room.nonces)
	if err != nil {
		return nil, err
	}
	room.Opener13 = Opener13{direction13: d, MaxInner: MaxPlaintext + 1}
	return &room.Opener13, nil
}

var _ Opener = (*Opener13)(nil)

// Open decrypts one record in place. RFC 9846, Section 5.2.
func (o *Opener13) Open(record []byte) (iana.ContentType, []byte, error) {
	body := record[HeaderLen:]
	switch {
	case len(body) > MaxCiphertext:
		return 0, nil, ErrOverflow
	case len(body) < o.aead.Overhead()+1:
		return 0, nil, ErrBadMAC
	case o.seq >= 1<<62:
		return 0, nil, ErrExhausted
	}
	o.next()
	inner, err := o.aead.Open(body[:0], o.nonce[:], body, record[:HeaderLen])
	if err != nil {
		// The number must not be used up by a forgery that is skipped
		// over as rejected early data.
		o.seq--
		return 0, nil, ErrBadMAC
	}
	return o.inner(inner)
}

// inner takes the content type and the padding off a TLSInnerPlaintext.
func (o *Opener13) inner(inner []byte) (iana.ContentType, []byte, error) {
	if len(inner) > o.MaxInner {
		return 0, nil, ErrOverflow
	}
	return unwrap(inner)
}

// unwrap takes the content type and the padding off.
func unwrap(inner []byte) (iana.ContentType, []byte, error) {
	// "Implementations MUST limit their scanning to the cleartext returned
	// from the AEAD decryption and MUST NOT accept ... records with no
	// non-zero octets." RFC 9846, Section 5.4.
	for i := len(inner) - 1; i >= 0; i-- {
		if inner[i] != 0 {
			return iana.ContentType(inner[i]), inner[:i], nil
		}
	}
	return 0, nil, ErrNoType
}
