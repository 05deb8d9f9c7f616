package record

import (
	"bytes"
	"crypto"
	"errors"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
)

var suites12 = []iana.CipherSuite{
	iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	iana.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	iana.TLS_ECDHE_ECDSA_WITH_AES_256_CCM,
	iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8,
}

func pair12(t *testing.T, id iana.CipherSuite) (*Sealer12, *Opener12) {
	t.Helper()
	suite := suites.TLS12(id)
	random := make([]byte, 32)
	k, _ := keys.NewMaster12(crypto.SHA256, []byte("x"), random, random).Keys(random, random, suite.KeyLen, suite.IVLen)
	s, err := NewSealer12(suite, k)
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewOpener12(suite, k)
	if err != nil {
		t.Fatal(err)
	}
	return s, o
}

func TestRecords12(t *testing.T) {
	for _, id := range suites12 {
		s, o := pair12(t, id)
		for n, size := range []int{0, 1, 15, 16, 1000, MaxPlaintext} {
			data := bytes.Repeat([]byte{byte(n)}, size)
			rec, err := s.Seal([]byte("before"), iana.ContentHandshake, data, 0)
			if err != nil {
				t.Fatal(err)
			}
			rec = rec[len("before"):]
			if len(rec) != size+s.Overhead() {
				t.Errorf("%v: %d bytes become %d", id, size, len(rec))
			}
			h, _ := ParseHeader(rec)
			if h.Type != iana.ContentHandshake || h.Version != iana.TLS12 || h.Length != len(rec)-HeaderLen {
				t.Errorf("%v: header %+v", id, h)
			}
			typ, plain, err := o.Open(rec)
			if err != nil || typ != iana.ContentHandshake || !bytes.Equal(plain, data) {
				t.Errorf("%v: %d bytes open to %d of %v, %v", id, size, len(plain), typ, err)
			}
		}
	}
}

// TestNonce12 looks at what AES suites send along: the number of the record.
func TestNonce12(t *testing.T) {
	s, _ := pair12(t, iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
	for i := range 3 {
		rec, err := s.Seal(nil, iana.ContentApplicationData, []byte("x"), 0)
		if err != nil {
			t.Fatal(err)
		}
		if want := []byte{0, 0, 0, 0, 0, 0, 0, byte(i)}; !bytes.Equal(rec[5:13], want) {
			t.Errorf("record %d has nonce %x", i, rec[5:13])
		}
	}
}

func TestForgedRecords12(t *testing.T) {
	for _, id := range suites12 {
		s, o := pair12(t, id)
		rec, err := s.Seal(nil, iana.ContentApplicationData, []byte("payload"), 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rec {
			if i >= 1 && i <= 4 {
				continue // version and length are the driver's to check
			}
			forged := bytes.Clone(rec)
			forged[i] ^= 1
			if _, _, err := o.Open(forged); !errors.Is(err, ErrBadMAC) {
				t.Errorf("%v: byte %d changed: %v", id, i, err)
			}
		}
		if _, _, err := o.Open(rec[:HeaderLen+4]); !errors.Is(err, ErrBadMAC) {
			t.Errorf("%v: a short record: %v", id, err)
		}
		if _, _, err := o.Open(bytes.Clone(rec)); err != nil {
			t.Errorf("%v: the true record: %v", id, err)
		}
		if _, _, err := o.Open(rec); !errors.Is(err, ErrBadMAC) {
			t.Errorf("%v: a record opens twice: %v", id, err)
		}
	}
}

func TestLimits12(t *testing.T) {
	s, o := pair12(t, iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
	big, err := s.Seal(nil, iana.ContentApplicationData, make([]byte, MaxPlaintext+1), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.Open(big); !errors.Is(err, ErrOverflow) {
		t.Errorf("a record of 2^14+1 bytes: %v", err)
	}
	// Its length alone is enough to refuse it: nothing is decrypted.
	if _, _, err := o.Open(make([]byte, len(big))); !errors.Is(err, ErrOverflow) {
		t.Errorf("a forged record of 2^14+1 bytes: %v", err)
	}
	s, o = pair12(t, iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
	o.MaxPlain = 512
	rec, err := s.Seal(nil, iana.ContentApplicationData, make([]byte, 513), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.Open(rec); !errors.Is(err, ErrOverflow) {
		t.Errorf("a record over the limit agreed: %v", err)
	}
	s.seq = s.limit
	if _, err := s.Seal(nil, iana.ContentApplicationData, nil, 0); !errors.Is(err, ErrExhausted) || s.Left() != 0 {
		t.Errorf("a spent key seals: %v", err)
	}
}
