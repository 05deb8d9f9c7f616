package record

import (
	"bytes"
	"crypto"
	"crypto/cipher"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
)

func pair(t testing.TB, id iana.CipherSuite) (*Sealer13, *Opener13) {
	t.Helper()
	suite := suites.TLS13(id)
	secret, _ := keys.NewEarlySecret(suite.Hash, nil).Handshake([]byte("shared")).Traffic(
		make([]byte, suite.Hash.Size()))
	s, err := NewSealer13(suite, secret)
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewOpener13(suite, secret)
	if err != nil {
		t.Fatal(err)
	}
	return s, o
}

func Example() {
	suite := suites.TLS13(iana.TLS_AES_128_GCM_SHA256)
	secret := keys.NewEarlySecret(crypto.SHA256, nil).ClientEarlyTraffic(make([]byte, 32))
	sealer, _ := NewSealer13(suite, secret)
	opener, _ := NewOpener13(suite, secret)
	sealed, _ := sealer.Seal(nil, iana.ContentApplicationData, []byte("hello"), 10)
	typ, data, _ := opener.Open(sealed)
	fmt.Printf("%d bytes: %v %q\n", len(sealed), typ, data)
	// Output: 37 bytes: application_data "hello"
}

// A nonceCounter counts the nonces that an AEAD seals with.
type nonceCounter struct {
	cipher.AEAD
	mu   sync.Mutex
	seen map[[12]byte]int
}

func (c *nonceCounter) Seal(dst, nonce, plaintext, additionalData []byte) []byte {
	c.mu.Lock()
	c.seen[[12]byte(nonce)]++
	c.mu.Unlock()
	return c.AEAD.Seal(dst, nonce, plaintext, additionalData)
}

// TestReserve: records that are reserved and sealed at the same time, in any order, are those
// that one Sealer seals one after another. Each nonce is used once, and no record more is
// sealed than was reserved.
func TestReserve(t *testing.T) {
	const batches, each = 20, 3
	for _, id := range append(suites.Default13(), ccm13...) {
		serial, _ := pair(t, id)
		s, _ := pair(t, id)
		count := &nonceCounter{AEAD: s.key().aead, seen: map[[12]byte]int{}}
		s.key().aead = count
		seal := func(s *Sealer13, i int) (sealed []byte, err error) {
			for range each {
				data := bytes.Repeat([]byte{byte(i)}, 100*i)
				sealed, err = s.Seal(sealed, iana.ContentApplicationData, data, 0)
			}
			return sealed, err
		}
		var got [batches][]byte
		var done sync.WaitGroup
		left := s.Left()
		for i := range batches {
			part := new(Sealer13)
			s.Reserve(part, each)
			if part.Left() != each {
				t.Fatalf("%d records are reserved", part.Left())
			}
			done.Go(func() {
				got[i], _ = seal(part, i)
				if _, err := part.Seal(nil, iana.ContentAlert, nil, 0); err != ErrExhausted {
					t.Errorf("a record more than was reserved: %v", err)
				}
			})
		}
		done.Wait()
		if used := left - s.Left(); used != batches*each || s.Sequence() != used {
			t.Errorf("%v: %d records are counted", id, used)
		}
		if len(count.seen) != batches*each {
			t.Errorf("%v: %d nonces for %d records", id, len(count.seen), batches*each)
		}
		for i := range batches {
			if want, err := seal(serial, i); err != nil || !bytes.Equal(got[i], want) {
				t.Fatalf("%v: batch %d is another one, %v", id, i, err)
			}
		}
	}
}

// ccm13 are the suites of TLS 1.3 that are not among the defaults.
var ccm13 = []iana.CipherSuite{iana.TLS_AES_128_CCM_SHA256, iana.TLS_AES_128_CCM_8_SHA256}

func TestThereAndBack(t *testing.T) {
	for _, id := range append(suites.Default13(), ccm13...) {
		s, o := pair(t, id)
		for _, n := range []int{0, 1, 100, MaxPlaintext} {
			for _, pad := range []int{0, 1, 100} {
				if n+pad > MaxPlaintext {
					continue
				}
				data := bytes.Repeat([]byte{7}, n)
				prefix := []byte("before")
				out, err := s.Seal(prefix, iana.ContentHandshake, data, pad)
				if err != nil || !bytes.HasPrefix(out, prefix) {
					t.Fatal(err)
				}
				rec := out[len(prefix):]
				if len(rec) != n+pad+s.Overhead() {
					t.Errorf("%v: %d bytes become %d", id, n, len(rec))
				}
				typ, got, err := o.Open(rec)
				if err != nil || typ != iana.ContentHandshake || !bytes.Equal(got, data) {
					t.Errorf("%v: %d bytes, padding %d: %v", id, n, pad, err)
				}
			}
		}
	}
}

func TestForgeries(t *testing.T) {
	for _, id := range suites.Default13() {
		s, _ := pair(t, id)
		rec, err := s.Seal(nil, iana.ContentApplicationData, []byte("data"), 3)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rec {
			for bit := range 8 {
				_, o := pair(t, id)
				forged := bytes.Clone(rec)
				forged[i] ^= 1 << bit
				if _, _, err := o.Open(forged); !errors.Is(err, ErrBadMAC) {
					t.Fatalf("%v: byte %d changed: %v", id, i, err)
				}
				if _, _, err := o.Open(bytes.Clone(rec)); err != nil {
					t.Fatalf("%v: a forgery used up a number: %v", id, err)
				}
			}
		}
		for n := HeaderLen; n < len(rec); n++ {
			_, o := pair(t, id)
			if _, _, err := o.Open(bytes.Clone(rec[:n])); !errors.Is(err, ErrBadMAC) {
				t.Fatalf("%v: cut to %d bytes: %v", id, n, err)
			}
		}
		_, o := pair(t, id)
		if _, _, err := o.Open(bytes.Clone(rec)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := o.Open(bytes.Clone(rec)); !errors.Is(err, ErrBadMAC) {
			t.Errorf("%v: a record opens twice: %v", id, err)
		}
	}
}

func TestOnlyPadding(t *testing.T) {
	s, o := pair(t, iana.TLS_AES_128_GCM_SHA256)
	rec, err := s.Seal(nil, 0, nil, 20)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.Open(rec); !errors.Is(err, ErrNoType) {
		t.Errorf("padding alone: %v", err)
	}
}

func TestLimits(t *testing.T) {
	s, o := pair(t, iana.TLS_AES_128_GCM_SHA256)
	rec, err := s.Seal(nil, iana.ContentApplicationData, make([]byte, MaxPlaintext+1), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.Open(rec); !errors.Is(err, ErrOverflow) {
		t.Errorf("a large record: %v", err)
	}
	if _, _, err := o.Open(make([]byte, HeaderLen+MaxCiphertext+1)); !errors.Is(err, ErrOverflow) {
		t.Errorf("a very large record: %v", err)
	}
	s.seq = s.limit - 1
	if s.Left() != 1 {
		t.Errorf("%d records are left", s.Left())
	}
	if _, err := s.Seal(nil, iana.ContentApplicationData, nil, 0); err != nil {
		t.Fatal(err)
	}
	if out, err := s.Seal([]byte("x"), iana.ContentApplicationData, nil, 0); !errors.Is(err, ErrExhausted) || string(out) != "x" {
		t.Errorf("a key that is used up seals: %v", err)
	}
	o.seq = 1 << 62
	if _, _, err := o.Open(make([]byte, 40)); !errors.Is(err, ErrExhausted) {
		t.Errorf("a number that is used up opens: %v", err)
	}
}

func TestPlain(t *testing.T) {
	p := &Plain{Version: iana.TLS10}
	rec, err := p.Seal(nil, iana.ContentHandshake, []byte("hello"), 9)
	if err != nil || len(rec) != 5+p.Overhead() || p.Left() < 1<<32 {
		t.Fatal(err)
	}
	h, ok := ParseHeader(rec)
	if !ok || h != (Header{iana.ContentHandshake, iana.TLS10, 5}) {
		t.Errorf("header is %+v", h)
	}
	typ, data, err := p.OpenTo(nil, rec)
	if err != nil || typ != iana.ContentHandshake || string(data) != "hello" {
		t.Errorf("%v %q %v", typ, data, err)
	}
	_, _, err = p.OpenTo(nil, make([]byte, HeaderLen+MaxPlaintext+1))
	if !errors.Is(err, ErrOverflow) {
		t.Errorf("a large record: %v", err)
	}
	if _, ok := ParseHeader(rec[:4]); ok {
		t.Error("four bytes are a header")
	}
}

func FuzzOpen(f *testing.F) {
	s, _ := pair(f, iana.TLS_CHACHA20_POLY1305_SHA256)
	rec, _ := s.Seal(nil, iana.ContentApplicationData, []byte("hello"), 2)
	f.Add(rec)
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, ok := ParseHeader(data); !ok {
			return
		}
		_, o := pair(t, iana.TLS_CHACHA20_POLY1305_SHA256)
		genuine := bytes.Equal(data, rec)
		if _, _, err := o.Open(bytes.Clone(data)); (err == nil) != genuine {
			t.Errorf("%x opens: %v", data, err)
		}
	})
}

func TestSealingAllocatesNothing(t *testing.T) {
	s, o := pair(t, iana.TLS_AES_128_GCM_SHA256)
	buf := make([]byte, 0, 20_000)
	data := make([]byte, MaxPlaintext)
	n := testing.AllocsPerRun(100, func() {
		rec, err := s.Seal(buf, iana.ContentApplicationData, data, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := o.Open(rec); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a record", n)
	}
}
