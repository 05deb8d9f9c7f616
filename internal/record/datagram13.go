package record

import (
	"encoding/binary"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/gcm"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/reuse"
	"github.com/sealsock/sealsock/internal/suites"
)

// A datagram13 is what both directions of an epoch of DTLS 1.3 have beside the key.
type datagram13 struct {
	epoch  uint64
	tagLen int // bytes
	suite  *suites.Suite
	secret keys.TrafficSecret // from which wake makes the key again
}

// setDatagram makes d one of DTLS if secret is.
func (d *direction13) setDatagram(suite *suites.Suite, secret keys.TrafficSecret) (err error) {
	if !secret.Datagram() {
		return nil
	}
	var room [maxKey]byte
	key := room[:suite.KeyLen]
	secret.NumberKey(key)
	defer clear(key)
	d.key().mask, err = suite.NumberMask(key)
	d.epoch, d.tagLen, d.suite, d.secret = secret.Epoch(), d.key().aead.Overhead(), suite, secret
	return err
}

// Rest gives back the memory of the key, which is most of what an epoch has. It follows from
// the traffic secret: the next record makes it again, in about a microsecond. The number of the
// next record and the replay window remain. Rest does nothing in TLS.
func (d *direction13) Rest() {
	if d.secret.Valid() {
		gcm.Drop(d.key().aead)
		d.key().mask.Drop()
		d.key().aead, d.key().mask = nil, suites.NumberMask{}
	}
}

// restingDirection13 is newDirection13 for a key that the first record makes.
func restingDirection13(
	suite *suites.Suite, secret keys.TrafficSecret, k *keyed,
) direction13 {
	return direction13{hidden: reuse.Hide(k), limit: suite.RecordLimit, datagram13: datagram13{
		epoch: secret.Epoch(), tagLen: suites.MaxTag, suite: suite, secret: secret,
	}}
}

// NewRestingSealer13 is NewSealer13 for a secret of DTLS of which no record may be sent: it makes
// the key with the first one. The suite has a tag of suites.MaxTag bytes.
func NewRestingSealer13(suite *suites.Suite, secret keys.TrafficSecret) *Sealer13 {
	var room struct {
		sealer Sealer13
		keyed  keyed
	}
	room.sealer.direction13 = restingDirection13(suite, secret, &room.keyed)
	return &room.sealer
}

// NewRestingOpener13 is NewOpener13 as NewRestingSealer13 is NewSealer13.
func NewRestingOpener13(suite *suites.Suite, secret keys.TrafficSecret) *Opener13 {
	var room struct {
		opener Opener13
		keyed  keyed
	}
	d := restingDirection13(suite, secret, &room.keyed)
	room.opener = Opener13{direction13: d, MaxInner: MaxPlaintext + 1}
	return &room.opener
}

// wake makes the key again after Rest.
func (d *direction13) wake() error {
	if d.key().aead != nil {
		return nil
	}
	_, err := newDirection13(d.suite, d.secret, d.key())
	if err != nil {
		*d.key() = keyed{}
	}
	return err
}

// unifiedHeader is the length in bytes of the header that is sent: with a number of 16 bits
// and the length, so that other records may follow in the datagram. A connection ID stands
// behind the first byte.
const unifiedHeader = 5

var _ DatagramSealer = (*Sealer13)(nil)

// SealDatagram appends one record behind the unified header, which is the additional data
// before its number is encrypted. RFC 9147, Section 4.
//
//	struct {
//	    opaque unified_hdr[variable];
//	    opaque encrypted_record[length];
//	} DTLSCiphertext;
func (s *Sealer13) SealDatagram(
	dst []byte, typ iana.ContentType, payload []byte, pad int,
) ([]byte, Number, error) {
	if s.seq >= s.limit || s.seq >= MaxNumber {
		return dst, Number{}, ErrExhausted
	}
	if err := s.wake(); err != nil {
		return dst, Number{}, err
	}
	tag := s.tagLen
	// The mask needs a sample of 16 bytes, which a short tag may not provide.
	pad = max(pad, suites.NumberSample-len(payload)-1-tag)
	inner := len(payload) + 1 + pad
	head := unifiedHeader + len(s.id)
	dst = slices.Grow(dst, head+inner+tag)
	start := len(dst)
	dst = append(dst, unified|unifiedLong|unifiedLength|byte(s.epoch&unifiedEpoch))
	if len(s.id) > 0 {
		dst[start] |= unifiedCID
		dst = append(dst, s.id...)
	}
	dst = append(dst, byte(s.seq>>8), byte(s.seq), byte((inner+tag)>>8), byte(inner+tag))
	dst = append(dst, payload...)
	dst = append(dst, byte(typ))
	dst = dst[:len(dst)+pad]
	clear(dst[len(dst)-pad:])
	n := Number{s.epoch, s.seq}
	s.next()
	header, body := dst[start:start+head], dst[start+head:]
	s.key().aead.Seal(body[:0], s.key().nonce[:], body, header)
	dst = dst[:len(dst)+tag]
	mask := s.key().mask.Mask(dst[start+head:])
	header[1+len(s.id)] ^= mask[0]
	header[2+len(s.id)] ^= mask[1]
	return dst, n, nil
}

// DatagramOverhead is the header, the content type and the tag.
func (s *Sealer13) DatagramOverhead() int {
	return unifiedHeader + len(s.id) + 1 + s.tagLen
}

// Epoch is the number of the key in DTLS.
func (s *Sealer13) Epoch() uint64 { return s.epoch }

var _ DatagramOpener = (*Opener13)(nil)

// Epoch is the number of the key in DTLS.
func (o *Opener13) Epoch() uint64 { return o.epoch }

// OpenDatagram decrypts the number of a record, and then the record itself, in place.
// RFC 9147, Sections 4.2.2, 4.2.3 and 4.5.1. The replay window moves only for a record that
// is authentic. Section 4.2.3: receivers "MUST reject shorter records as if they had failed
// deprotection"; the key was not used, so that they do not count among those that did.
func (o *Opener13) OpenDatagram(r DatagramRecord) (iana.ContentType, []byte, Number, error) {
	header, body := r.raw[:r.header], r.raw[r.header:]
	switch {
	case !r.Unified || len(body) < suites.NumberSample || len(body) < o.tagLen+1:
		return 0, nil, Number{}, ErrMalformed
	case len(body) > MaxCiphertext:
		return 0, nil, Number{}, ErrOverflow
	}
	if err := o.wake(); err != nil {
		return 0, nil, Number{}, err
	}
	mask := o.key().mask.Mask(body)
	number := header[1+len(r.id):]
	number[0] ^= mask[0]
	low, bits := uint64(number[0]), 8
	if header[0]&unifiedLong != 0 {
		number[1] ^= mask[1]
		low, bits = uint64(binary.BigEndian.Uint16(number)), 16
	}
	seq := o.window.near(low, bits)
	if seq >= MaxNumber {
		return 0, nil, Number{}, ErrMalformed
	}
	o.seq = seq
	o.next()
	inner, err := o.key().aead.Open(body[:0], o.key().nonce[:], body, header)
	if err != nil {
		return 0, nil, Number{}, ErrBadMAC
	}
	// RFC 9147, Section 4.5.1: the check "SHOULD happen after deprotecting the record; otherwise,
	// the record discard might itself serve as a timing channel for the record number."
	if !o.window.fresh(seq) {
		return 0, nil, Number{}, ErrReplayed
	}
	o.window.use(seq)
	typ, payload, err := o.inner(inner)
	return typ, payload, Number{o.epoch, seq}, err
}
