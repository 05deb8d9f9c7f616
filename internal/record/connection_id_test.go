package record

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
)

// TestConnectionIDs: records with a connection ID of any length are opened, those that were
// changed anywhere are not, and the overhead is that of DatagramOverhead.
func TestConnectionIDs(t *testing.T) {
	for _, n := range []int{1, 8, 20, 255} {
		for _, p := range datagramPairs(t) {
			id := bytes.Repeat([]byte{0xc1}, n)
			p.sealer.(IDSealer).SetConnectionID(id)
			id[0]++ // the sealer has its own copy
			id[0]--
			sent := []byte("a message of thirty-two bytes...")
			b, _, err := p.sealer.SealDatagram(nil, iana.ContentApplicationData, sent, 0)
			if err != nil || len(b) != len(sent)+p.sealer.DatagramOverhead() {
				t.Fatalf("%s: %d bytes with an overhead of %d, %v", p.name, len(b),
					p.sealer.DatagramOverhead(), err)
			}
			for i := range b {
				r, _, ok := NextRecord(flipped(b, i), n)
				if !ok || !r.Matches(p.opener.Epoch()) {
					continue
				}
				if _, _, _, err := p.opener.OpenDatagram(r); err == nil {
					t.Fatalf("%s: opened with a change of byte %d", p.name, i)
				}
			}
			if _, _, ok := NextRecord(bytes.Clone(b), 0); ok {
				t.Errorf("%s: a record with an ID where none is received", p.name)
			}
			r, rest, ok := NextRecord(b, n)
			if !ok || len(rest) > 0 || !bytes.Equal(r.ConnectionID(), id) || !r.Matches(p.opener.Epoch()) {
				t.Fatalf("%s: %+v, %v", p.name, r, ok)
			}
			typ, payload, _, err := p.opener.OpenDatagram(r)
			if err != nil || typ != iana.ContentApplicationData || !bytes.Equal(payload, sent) {
				t.Fatalf("%s: %v %q, %v", p.name, typ, payload, err)
			}
		}
	}
}

func flipped(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 0x40
	return b
}

// TestConnectionIDPadding: the padding of RFC 9146, Section 4, is taken off, and a content of
// zeros alone has no type.
func TestConnectionIDPadding(t *testing.T) {
	for _, p := range datagramPairs(t) {
		s, ok := p.sealer.(*Sealer12)
		if !ok {
			continue
		}
		s.SetConnectionID([]byte{1, 2})
		b, _, err := s.SealDatagram(nil, iana.ContentAlert, []byte{1, 0}, 100)
		if err != nil || len(b) != 2+100+s.DatagramOverhead() {
			t.Fatalf("%s: %d bytes, %v", p.name, len(b), err)
		}
		r, _, _ := NextRecord(b, 2)
		typ, payload, _, err := p.opener.OpenDatagram(r)
		if err != nil || typ != iana.ContentAlert || !bytes.Equal(payload, []byte{1, 0}) {
			t.Errorf("%s: %v %x, %v", p.name, typ, payload, err)
		}
		b, _, _ = s.SealDatagram(nil, 0, nil, 5)
		r, _, _ = NextRecord(b, 2)
		if _, _, n, err := p.opener.OpenDatagram(r); !errors.Is(err, ErrNoType) || n.Sequence != 1 {
			t.Errorf("%s: zeros alone: number %v, %v", p.name, n, err)
		}
		// The content type is part of the 2^14 bytes.
		if _, _, err := s.SealDatagram(nil, 23, make([]byte, MaxPlaintext), 0); err != ErrOverflow {
			t.Errorf("%s: 2^14 bytes and a type: %v", p.name, err)
		}
		b, _, err = s.SealDatagram(nil, 23, make([]byte, MaxPlaintext-1), 9)
		r, _, _ = NextRecord(b, 2)
		if _, payload, _, err2 := p.opener.OpenDatagram(r); err != nil || err2 != nil ||
			len(payload) != MaxPlaintext-1 {
			t.Errorf("%s: the largest content: %v, %v", p.name, err, err2)
		}
	}
}

// TestConnectionID12Form compares a record with one that is put together here, field by field,
// from RFC 9146, Section 5.3, with AES-GCM of the standard library. The RFC has no vectors.
func TestConnectionID12Form(t *testing.T) {
	suite := suites.TLS12(iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
	key, salt := bytes.Repeat([]byte{0x11}, 16), []byte{1, 2, 3, 4}
	s, err := NewSealer12(suite, keys.Keys12{Key: key, IV: salt})
	if err != nil {
		t.Fatal(err)
	}
	id := []byte{0xaa, 0xbb, 0xcc}
	s.SetConnectionID(id)
	s.SetSequence(0x010203)
	got, _, err := s.SealDatagram(nil, iana.ContentApplicationData, []byte("content"), 2)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := aes.NewCipher(key)
	gcm, _ := cipher.NewGCM(block)
	number, _ := hex.DecodeString("0001000000010203") // epoch 1 and the sequence number
	inner := append([]byte("content"), 23, 0, 0)
	additional, _ := hex.DecodeString("ffffffffffffffff" + "19" + "03" + "19" + "fefd")
	additional = append(append(additional, number...), id...)
	additional = binary.BigEndian.AppendUint16(additional, uint16(len(inner)))
	want := append([]byte{25, 0xfe, 0xfd}, number...)
	want = append(want, id...)
	want = binary.BigEndian.AppendUint16(want, uint16(8+len(inner)+16))
	want = append(want, number...) // the explicit part of the nonce
	want = gcm.Seal(want, append(bytes.Clone(salt), number...), inner, additional)
	if !bytes.Equal(got, want) {
		t.Errorf("the record is\n%x, expected\n%x", got, want)
	}
}

// TestConnectionID13Form: the ID stands behind the first byte, and is authenticated with the rest
// of the header. RFC 9147, Section 4.
func TestConnectionID13Form(t *testing.T) {
	p := datagramPairs(t)[0]
	s := p.sealer.(*Sealer13)
	s.SetConnectionID([]byte{0xaa, 0xbb})
	got, _, err := s.SealDatagram(nil, iana.ContentApplicationData, []byte("content"), 0)
	if err != nil {
		t.Fatal(err)
	}
	s.SetSequence(0)
	s.next()
	header := []byte{0x20 | 0x10 | 0x08 | 0x04 | byte(s.epoch), 0xaa, 0xbb, 0, 0, 0, 7 + 1 + 16}
	sealed := s.key().aead.Seal(nil, s.key().nonce[:], append([]byte("content"), 23), header)
	mask := s.key().mask.Mask(sealed)
	header[3] ^= mask[0]
	header[4] ^= mask[1]
	if want := append(header, sealed...); !bytes.Equal(got, want) {
		t.Errorf("the record is\n%x, expected\n%x", got, want)
	}
}

// TestNextRecordWithID: the length of an ID decides where a record ends.
func TestNextRecordWithID(t *testing.T) {
	for _, text := range []string{
		"", "30", "30aa", "30aabb", "34aabb00", "34aabb0000", "34aabb00000001",
		"19fefd00010000000000000aabb", "19fefd0001000000000000aabb0001", "19fefd0001000000000000",
	} {
		b, _ := hex.DecodeString(text)
		if r, _, ok := NextRecord(b, 2); ok && r.Len() > 0 {
			t.Errorf("%s: a record of %d bytes", text, r.Len())
		}
	}
	if _, _, ok := NextRecord([]byte{unified | unifiedCID, 0, 0}, 0); ok {
		t.Error("a record with an ID where none is received")
	}
	b, _ := hex.DecodeString("19fefd0001000000000000aabb0001ff" + "16fefd00000000000000000001ee")
	r, rest, ok := NextRecord(b, 2)
	if !ok || !bytes.Equal(r.ConnectionID(), []byte{0xaa, 0xbb}) || r.Len() != 1 {
		t.Fatalf("%+v, %v", r, ok)
	}
	if r, _, ok = NextRecord(rest, 2); !ok || r.ConnectionID() != nil || r.Len() != 1 {
		t.Errorf("a record in the clear: %+v, %v", r, ok)
	}
}
