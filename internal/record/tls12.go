package record

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/reuse"
	"github.com/sealsock/sealsock/internal/suites"
)

// explicitLen is the length in bytes of the part of the nonce that AES-GCM and
// AES-CCM send along. RFC 5288, Section 3; RFC 6655, Section 3.
const explicitLen = 8

// direction12 is what both directions of TLS 1.2 have. Of the twelve bytes of
// the nonce, suites with AES keep four and send eight, for which we take the
// number of the record; ChaCha20-Poly1305 keeps them all and sends none
// (RFC 7905, Section 2).
type direction12 struct {
	hidden   reuse.Hidden[keyed]
	explicit int // explicitLen or 0
	extra    [13]byte
	seq      uint64
	limit    uint64
	id       []byte // in DTLS: the connection ID that the peer receives in its records
	idExtra  []byte // see additionalWithID
}

func (d *direction12) key() *keyed { return d.hidden.Get() }

// Format prints [redacted] for every verb, so that no output or log shows the keys.
func (direction12) Format(s fmt.State, _ rune) { io.WriteString(s, "[redacted]") }

func newDirection12(suite *suites.Suite12, k keys.Keys12) (direction12, error) {
	aead, err := suite.AEAD(k.Key)
	d := direction12{hidden: reuse.Hide(&keyed{aead: aead}), limit: suite.RecordLimit}
	d.explicit = suites.IVLen - suite.IVLen
	copy(d.key().iv[:], k.IV)
	return d, err
}

// Sequence returns the number of the next record.
func (d *direction12) Sequence() uint64 { return d.seq }

// SetSequence continues with the record of this number, on a connection that another
// process has begun. Two Sealers of one key must never have the same numbers.
func (d *direction12) SetSequence(n uint64) { d.seq = n }

// additional is what is authenticated beside the content. RFC 5246, Section 6.2.3.3.
//
//	additional_data = seq_num + TLSCompressed.type + TLSCompressed.version + TLSCompressed.length;
func (d *direction12) additional(typ iana.ContentType, n int) []byte {
	binary.BigEndian.PutUint64(d.extra[:], d.seq)
	AppendHeader(d.extra[:8], typ, iana.TLS12, n)
	return d.extra[:]
}

// A Sealer12 seals records of TLS 1.2.
type Sealer12 struct{ direction12 }

// NewSealer12 returns a Sealer under the keys of one direction.
func NewSealer12(suite *suites.Suite12, k keys.Keys12) (*Sealer12, error) {
	d, err := newDirection12(suite, k)
	if err != nil {
		return nil, err
	}
	return &Sealer12{d}, nil
}

var _ Sealer = (*Sealer12)(nil)

// Seal appends one record. TLS 1.2 has no padding with these suites.
//
//	struct {
//	    opaque nonce_explicit[SecurityParameters.record_iv_length];
//	    aead-ciphered struct { opaque content[TLSCompressed.length]; };
//	} GenericAEADCipher;
func (s *Sealer12) Seal(dst []byte, typ iana.ContentType, payload []byte, _ int) ([]byte, error) {
	if s.seq >= s.limit {
		return dst, ErrExhausted
	}
	n := s.explicit + len(payload) + s.key().aead.Overhead()
	dst = slices.Grow(dst, HeaderLen+n)
	dst = AppendHeader(dst, typ, iana.TLS12, n)
	s.key().nonce = s.key().iv
	low := s.key().nonce[suites.IVLen-explicitLen:]
	if s.explicit > 0 {
		binary.BigEndian.PutUint64(low, s.seq)
		dst = append(dst, low...)
	} else {
		binary.BigEndian.PutUint64(low, binary.BigEndian.Uint64(low)^s.seq)
	}
	extra := s.additional(typ, len(payload))
	s.seq++
	return s.key().aead.Seal(dst, s.key().nonce[:], payload, extra), nil
}

// Overhead is the header, the part of the nonce that is sent, and the tag.
func (s *Sealer12) Overhead() int { return HeaderLen + s.explicit + s.key().aead.Overhead() }

// Left returns how many records the key may still seal. There is no other key
// after it: TLS 1.2 changes keys by renegotiation only, which is refused.
func (s *Sealer12) Left() uint64 { return s.limit - s.seq }

// An Opener12 opens records of TLS 1.2.
type Opener12 struct {
	direction12
	// MaxPlain is the largest content that is accepted, in bytes.
	MaxPlain int
	window   window // in DTLS
}

// NewOpener12 returns an Opener under the keys of one direction.
func NewOpener12(suite *suites.Suite12, k keys.Keys12) (*Opener12, error) {
	d, err := newDirection12(suite, k)
	if err != nil {
		return nil, err
	}
	return &Opener12{direction12: d, MaxPlain: MaxPlaintext}, nil
}

var _ Opener = (*Opener12)(nil)

// Open decrypts one record in place.
func (o *Opener12) Open(record []byte) (iana.ContentType, []byte, error) {
	return o.OpenTo(nil, record)
}

// OpenTo decrypts one record. The peer chooses the nonce that it sends;
// RFC 5288 demands only that it differs from record to record.
func (o *Opener12) OpenTo(out, record []byte) (iana.ContentType, []byte, error) {
	body := record[HeaderLen:]
	n := len(body) - o.explicit - o.key().aead.Overhead()
	switch {
	case n > MaxPlaintext:
		return 0, nil, ErrOverflow
	case n < 0:
		return 0, nil, ErrBadMAC
	case o.seq >= 1<<62:
		return 0, nil, ErrExhausted
	}
	o.key().nonce = o.key().iv
	low := o.key().nonce[suites.IVLen-explicitLen:]
	if o.explicit > 0 {
		copy(low, body)
	} else {
		binary.BigEndian.PutUint64(low, binary.BigEndian.Uint64(low)^o.seq)
	}
	typ := iana.ContentType(record[0])
	sealed := body[o.explicit:]
	if typ != iana.ContentApplicationData || n > min(len(out), o.MaxPlain) {
		out = sealed
	}
	plain, err := o.key().aead.Open(out[:0], o.key().nonce[:], sealed, o.additional(typ, n))
	if err != nil {
		return 0, nil, ErrBadMAC
	}
	o.seq++
	if n > o.MaxPlain {
		return 0, nil, ErrOverflow
	}
	return typ, plain, nil
}
