package record

import (
	"encoding/binary"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
)

// epoch12 is the epoch of the one key of DTLS 1.2: others follow only renegotiation, which is
// refused.
const epoch12 = 1

// additionalDatagram is what is authenticated beside the content. RFC 6347, Section 4.1.2.1:
// the epoch and the sequence number stand in place of seq_num.
func (d *direction12) additionalDatagram(typ iana.ContentType, seq uint64, n int) []byte {
	binary.BigEndian.PutUint64(d.extra[:], epoch12<<48|seq)
	AppendHeader(d.extra[:8], typ, iana.DTLS12, n)
	return d.extra[:]
}

// implicit sets the nonce of suites that send no part of it. RFC 7905, Section 2.
func (d *direction12) implicit(number uint64) {
	low := d.key().nonce[suites.IVLen-explicitLen:]
	binary.BigEndian.PutUint64(low, binary.BigEndian.Uint64(low)^number)
}

var _ DatagramSealer = (*Sealer12)(nil)

// SealDatagram appends one record. RFC 6347, Section 4.1.
func (s *Sealer12) SealDatagram(
	dst []byte, typ iana.ContentType, payload []byte, pad int,
) ([]byte, Number, error) {
	if s.seq >= s.limit || s.seq >= MaxNumber {
		return dst, Number{}, ErrExhausted
	}
	if len(s.id) > 0 {
		return s.sealWithID(dst, typ, payload, pad)
	}
	number := Number{epoch12, s.seq}
	n := s.explicit + len(payload) + s.key().aead.Overhead()
	dst = slices.Grow(dst, DatagramHeaderLen+n)
	dst = appendDatagramHeader(dst, typ, iana.DTLS12, number, n)
	dst = s.appendNonce(dst)
	extra := s.additionalDatagram(typ, s.seq, len(payload))
	s.seq++
	return s.key().aead.Seal(dst, s.key().nonce[:], payload, extra), number, nil
}

// appendNonce sets the nonce of the next record, and appends the part of it that is sent.
func (s *Sealer12) appendNonce(dst []byte) []byte {
	s.key().nonce = s.key().iv
	if s.explicit == 0 {
		s.implicit(epoch12<<48 | s.seq)
		return dst
	}
	low := s.key().nonce[suites.IVLen-explicitLen:]
	binary.BigEndian.PutUint64(low, epoch12<<48|s.seq)
	return append(dst, low...)
}

// DatagramOverhead is the header, the part of the nonce that is sent, and the tag. A connection
// ID has a content type beside it.
func (s *Sealer12) DatagramOverhead() int {
	n := DatagramHeaderLen + s.explicit + s.key().aead.Overhead()
	if len(s.id) > 0 {
		n += len(s.id) + 1
	}
	return n
}

// Epoch is the number of the key in DTLS.
func (s *Sealer12) Epoch() uint64 { return epoch12 }

var _ DatagramOpener = (*Opener12)(nil)

// Epoch is the number of the key in DTLS.
func (o *Opener12) Epoch() uint64 { return epoch12 }

// OpenDatagram decrypts one record in place. RFC 6347, Sections 4.1.2.1 and 4.1.2.6: the
// replay window moves only for a record that is authentic.
func (o *Opener12) OpenDatagram(r DatagramRecord) (iana.ContentType, []byte, Number, error) {
	if r.Unified {
		return 0, nil, Number{}, ErrMalformed
	}
	body, number := r.raw[r.header:], r.number()
	n := len(body) - o.explicit - o.key().aead.Overhead()
	switch {
	case n > MaxPlaintext:
		return 0, nil, Number{}, ErrOverflow
	case n < 0 || r.Version != iana.DTLS12:
		return 0, nil, Number{}, ErrMalformed
	case !o.window.fresh(number.Sequence):
		return 0, nil, Number{}, ErrReplayed
	}
	o.key().nonce = o.key().iv
	if o.explicit > 0 {
		copy(o.key().nonce[suites.IVLen-explicitLen:], body)
	} else {
		o.implicit(epoch12<<48 | number.Sequence)
	}
	sealed := body[o.explicit:]
	extra := o.additionalDatagram(r.Type, number.Sequence, n)
	if r.id != nil {
		extra = o.additionalWithID(r.id, number.Sequence, n)
	}
	plain, err := o.key().aead.Open(sealed[:0], o.key().nonce[:], sealed, extra)
	if err != nil {
		return 0, nil, Number{}, ErrBadMAC
	}
	o.window.use(number.Sequence)
	typ := r.Type
	if r.id != nil {
		if typ, plain, err = unwrap(plain); err != nil {
			return 0, nil, number, err
		}
	}
	if len(plain) > o.MaxPlain {
		return 0, nil, number, ErrOverflow
	}
	return typ, plain, number, nil
}
