package record

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/sealsock/sealsock/iana"
)

// An IDSealer is a DatagramSealer whose records may have a connection ID.
type IDSealer interface {
	DatagramSealer
	// SetConnectionID puts a copy of id into the records from now on; an empty one puts none.
	SetConnectionID(id []byte)
}

var (
	_ IDSealer = (*Sealer12)(nil)
	_ IDSealer = (*Sealer13)(nil)
)

// SetConnectionID implements IDSealer. RFC 9147, Section 4: in DTLS 1.3 it stands in the unified
// header.
func (s *Sealer13) SetConnectionID(id []byte) { s.id = bytes.Clone(id) }

// SetConnectionID implements IDSealer. RFC 9146, Section 3: in DTLS 1.2 the records then have the
// type tls12_cid and another form.
func (s *Sealer12) SetConnectionID(id []byte) { s.id = bytes.Clone(id) }

// sealWithID is SealDatagram for records with a connection ID. RFC 9146, Section 4:
//
//	struct {
//	    opaque content[length];
//	    ContentType real_type;
//	    uint8 zeros[length_of_padding];
//	} DTLSInnerPlaintext;
//
//	struct {
//	    ContentType outer_type = tls12_cid;
//	    ProtocolVersion version;
//	    uint16 epoch;
//	    uint48 sequence_number;
//	    opaque cid[cid_length];
//	    uint16 length;
//	    opaque enc_content[DTLSCiphertext.length];
//	} DTLSCiphertext;
func (s *Sealer12) sealWithID(
	dst []byte, typ iana.ContentType, payload []byte, pad int,
) ([]byte, Number, error) {
	// RFC 9146, Section 5: the length of the DTLSInnerPlaintext "MUST NOT exceed 2^14".
	room := MaxPlaintext - 1 - len(payload)
	if room < 0 {
		return dst, Number{}, ErrOverflow
	}
	pad = min(pad, room)
	inner, tag := len(payload)+1+pad, s.key().aead.Overhead()
	n := s.explicit + inner + tag
	number := Number{epoch12, s.seq}
	dst = slices.Grow(dst, DatagramHeaderLen+len(s.id)+n)
	dst = appendDatagramHeader(dst, iana.ContentTLS12CID, iana.DTLS12, number, n)
	dst = append(dst[:len(dst)-2], s.id...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	dst = s.appendNonce(dst)
	start := len(dst)
	dst = append(append(dst, payload...), byte(typ))
	dst = dst[:len(dst)+pad]
	clear(dst[len(dst)-pad:])
	extra := s.additionalWithID(s.id, s.seq, inner)
	s.seq++
	body := dst[start:]
	s.key().aead.Seal(body[:0], s.key().nonce[:], body, extra)
	return dst[:len(dst)+tag], number, nil
}

// additionalWithID is what is authenticated beside the content of a record with a connection ID.
// RFC 9146, Section 5.3:
//
//	additional_data = seq_num_placeholder + tls12_cid + cid_length + tls12_cid +
//	                  DTLSCiphertext.version + epoch + sequence_number + cid +
//	                  length_of_DTLSInnerPlaintext;
func (d *direction12) additionalWithID(id []byte, seq uint64, n int) []byte {
	b := append(d.idExtra[:0], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	b = append(b, byte(iana.ContentTLS12CID), byte(len(id)), byte(iana.ContentTLS12CID))
	b = binary.BigEndian.AppendUint16(b, uint16(iana.DTLS12))
	b = binary.BigEndian.AppendUint64(b, epoch12<<48|seq)
	b = append(b, id...)
	d.idExtra = binary.BigEndian.AppendUint16(b, uint16(n))
	return d.idExtra
}
