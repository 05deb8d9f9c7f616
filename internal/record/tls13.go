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
	"github.com/sealsock/sealsock/internal/reuse"
	"github.com/sealsock/sealsock/internal/suites"
)

// direction13 is what both directions of TLS 1.3 have: a key, and the number of the next record.
type direction13 struct {
	hidden reuse.Hidden[keyed]
	seq    uint64
	limit  uint64
	lent   bool // others may use the AEAD: see Sealer13.Reserve
	datagram13
}

// A keyed is what must not be printed of a direction: an AEAD, a static IV, space for a nonce, and
// what hides the numbers in DTLS 1.3.
type keyed struct {
	aead      cipher.AEAD
	iv, nonce [suites.IVLen]byte
	mask      suites.NumberMask
}

func (d *direction13) key() *keyed { return d.hidden.Get() }

// Format prints [redacted] for every verb, so that no output or log shows the keys.
func (direction13) Format(s fmt.State, _ rune) { io.WriteString(s, "[redacted]") }

// newDirection13 puts the IV into n.
func newDirection13(
	suite *suites.Suite, secret keys.TrafficSecret, k *keyed,
) (direction13, error) {
	var room [maxKey]byte
	key := room[:suite.KeyLen]
	k.iv = secret.Keys(key)
	aead, err := suite.Cipher(key)
	k.aead = aead
	clear(key)
	if err != nil {
		return direction13{}, err
	}
	d := direction13{hidden: reuse.Hide(k), limit: suite.RecordLimit}
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
		gcm.Drop(d.key().aead)
	}
	*d.key() = keyed{}
}

// maxKey is the longest key of a suite, in bytes.
const maxKey = 32

// next sets the nonce for the next record: its number, padded on the left,
// xor the IV. RFC 9846, Section 5.3. In DTLS the epoch is no part of it: RFC 9147, Section
// 4.2.1.
func (d *direction13) next() {
	// Eight bytes and then four, which are not read again here: a load that spans two stores
	// before it waits until they are in the cache.
	n, iv := &d.key().nonce, &d.key().iv
	binary.BigEndian.PutUint64(n[:8], binary.BigEndian.Uint64(iv[:8])^d.seq>>32)
	binary.BigEndian.PutUint32(n[8:], binary.BigEndian.Uint32(iv[8:])^uint32(d.seq))
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
		sealer Sealer13
		keyed  keyed
	}
	d, err := newDirection13(suite, secret, &room.keyed)
	if err != nil {
		return nil, err
	}
	room.sealer.direction13 = d
	return &room.sealer, nil
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
	n, tag := len(payload)+1+pad, s.key().aead.Overhead()
	dst = slices.Grow(dst, HeaderLen+n+tag)
	rec := dst[len(dst) : len(dst)+HeaderLen+n+tag]
	AppendHeader(rec[:0], iana.ContentApplicationData, iana.TLS12, n+tag)
	s.next()
	if own, ok := s.key().aead.(gcm.Records); ok && pad == 0 {
		own.SealRecord(rec, &s.key().nonce, payload, byte(typ))
	} else {
		inner := rec[HeaderLen : HeaderLen+n]
		clear(inner[copy(inner, payload):])
		inner[len(payload)] = byte(typ)
		s.key().aead.Seal(inner[:0], s.key().nonce[:], inner, rec[:HeaderLen])
	}
	return dst[:len(dst)+len(rec)], nil
}

// Reserve takes the next n records off s and makes part a Sealer for these alone, which another
// goroutine may use beside s: the AEADs of this module have no state but the key. n must not
// exceed Left. Drop does not erase the key then. part is a zero value or one that was dropped.
func (s *Sealer13) Reserve(part *Sealer13, n uint64) {
	room := part.key()
	if room == nil {
		room = new(keyed)
	}
	s.lent = true
	*room = keyed{aead: s.key().aead, iv: s.key().iv}
	part.direction13 = direction13{
		hidden: reuse.Hide(room), seq: s.seq, limit: min(s.seq+n, s.limit),
		lent: true, datagram13: s.datagram13,
	}
	s.seq = part.limit
}

// Overhead is the header, the content type and the tag.
func (s *Sealer13) Overhead() int { return HeaderLen + 1 + s.key().aead.Overhead() }

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
		opener Opener13
		keyed  keyed
	}
	d, err := newDirection13(suite, secret, &room.keyed)
	if err != nil {
		return nil, err
	}
	room.opener = Opener13{direction13: d, MaxInner: MaxPlaintext + 1}
	return &room.opener, nil
}

var _ Opener = (*Opener13)(nil)

// Open decrypts one record in place.
func (o *Opener13) Open(record []byte) (iana.ContentType, []byte, error) {
	return o.OpenTo(nil, record)
}

// OpenTo decrypts one record. RFC 9846, Section 5.2.
func (o *Opener13) OpenTo(out, record []byte) (iana.ContentType, []byte, error) {
	body := record[HeaderLen:]
	n := len(body) - o.key().aead.Overhead() - 1
	switch {
	case len(body) > MaxCiphertext:
		return 0, nil, ErrOverflow
	case n < 0:
		return 0, nil, ErrBadMAC
	case o.seq >= 1<<62:
		return 0, nil, ErrExhausted
	}
	own, ok := o.key().aead.(gcm.Records)
	apart := ok && n < o.MaxInner && n <= len(out)
	o.next()
	var last byte
	if apart {
		last, ok = own.OpenRecord(out[:n], record, &o.key().nonce)
	} else {
		var err error
		_, err = o.key().aead.Open(body[:0], o.key().nonce[:], body, record[:HeaderLen])
		out, last, ok = body, body[n], err == nil
	}
	switch {
	case !ok:
		// The number must not be used up by a forgery that is skipped over as rejected early
		// data.
		o.seq--
		return 0, nil, ErrBadMAC
	case n >= o.MaxInner:
		return 0, nil, ErrOverflow
	}
	typ, content, err := iana.ContentType(last), out[:n], error(nil)
	if last == 0 {
		typ, content, err = unwrap(content)
	}
	if apart && typ != iana.ContentApplicationData {
		// Tickets and other messages are none of the data of out's owner.
		content = body[:copy(body, content)]
		clear(out[:n])
	}
	return typ, content, err
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
