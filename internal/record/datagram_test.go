package record

import (
	"bytes"
	"crypto"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
)

// A datagramPair is a DatagramSealer and the DatagramOpener for what it seals.
type datagramPair struct {
	name   string
	sealer DatagramSealer
	opener DatagramOpener
}

func datagramPairs(t testing.TB) (list []datagramPair) {
	t.Helper()
	ok := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range append(suites.Default13(), iana.TLS_AES_128_CCM_8_SHA256) {
		suite := suites.TLS13(id)
		secret, _ := keys.NewDatagramEarlySecret(suite.Hash, nil).Handshake(nil).Traffic(
			make([]byte, suite.Hash.Size()))
		sealer := func() *Sealer13 { s, err := NewSealer13(suite, secret); ok(err); return s }
		opener := func() *Opener13 { o, err := NewOpener13(suite, secret); ok(err); return o }
		list = append(list, datagramPair{id.String(), sealer(), opener()})
		if id != iana.TLS_AES_128_CCM_8_SHA256 { // which DTLS does not permit
			list = append(list,
				datagramPair{id.String() + " resting sealer", NewRestingSealer13(suite, secret), opener()},
				datagramPair{id.String() + " resting opener", sealer(), NewRestingOpener13(suite, secret)})
		}
	}
	master := keys.NewMaster12(crypto.SHA256, []byte("secret"), make([]byte, 32), make([]byte, 32))
	for _, id := range suites.Default12() {
		suite := suites.TLS12(id)
		k, _ := master.Keys(make([]byte, 32), make([]byte, 32), suite.KeyLen, suite.IVLen)
		s, err := NewSealer12(suite, k)
		ok(err)
		o, err := NewOpener12(suite, k)
		ok(err)
		list = append(list, datagramPair{id.String(), s, o})
	}
	return list
}

// TestRestingKeys: a key that rests has no cipher, and the overhead that it has afterwards.
func TestRestingKeys(t *testing.T) {
	for _, p := range datagramPairs(t) {
		s, ok := p.sealer.(*Sealer13)
		o, _ := p.opener.(*Opener13)
		rests := ok && (s.key().aead == nil || o.key().aead == nil)
		if rests != strings.Contains(p.name, "rest") {
			t.Errorf("%s: one of the keys rests: %v", p.name, rests)
		}
		before := p.sealer.DatagramOverhead()
		b, _, err := p.sealer.SealDatagram(nil, iana.ContentApplicationData, make([]byte, 100), 0)
		if err != nil || len(b) != before+100 {
			t.Errorf("%s: an overhead of %d bytes, expected %d: %v", p.name, len(b)-100, before, err)
		}
		if ok {
			s.Rest()
			if (s.key().mask != suites.NumberMask{}) || s.key().aead != nil {
				t.Errorf("%s: a key that rests has its cipher", p.name)
			}
		}
	}
}

// Records arrive in any order, some of them never, and each once.
func TestDatagramRecords(t *testing.T) {
	for _, p := range datagramPairs(t) {
		t.Run(p.name, func(t *testing.T) {
			var sent [][]byte
			for i := range 600 {
				b, n, err := p.sealer.SealDatagram(nil, iana.ContentApplicationData, []byte{byte(i), 7}, 0)
				if err != nil || n != (Number{p.sealer.Epoch(), uint64(i)}) {
					t.Fatalf("record %d: number %v, %v", i, n, err)
				}
				if got := len(b) - 2; got > p.sealer.DatagramOverhead()+8 {
					t.Fatalf("an overhead of %d bytes, expected %d", got, p.sealer.DatagramOverhead())
				}
				sent = append(sent, b)
			}
			random := rand.New(rand.NewPCG(1, 2))
			for at := 0; at < len(sent); at += 100 {
				for _, j := range random.Perm(100) {
					b := sent[at+j]
					again := bytes.Clone(b)
					r, rest, ok := NextRecord(b, 0)
					if !ok || len(rest) > 0 || !r.Matches(p.opener.Epoch()) {
						t.Fatalf("record %d: %+v, %v", at+j, r, ok)
					}
					typ, payload, n, err := p.opener.OpenDatagram(r)
					if err != nil || typ != iana.ContentApplicationData || n.Sequence != uint64(at+j) ||
						!bytes.Equal(payload, []byte{byte(at + j), 7}) {
						t.Fatalf("record %d: %v %x %v, %v", at+j, typ, payload, n, err)
					}
					r, _, _ = NextRecord(again, 0)
					if _, _, _, err := p.opener.OpenDatagram(r); !errors.Is(err, ErrReplayed) {
						t.Fatalf("record %d a second time: %v", at+j, err)
					}
				}
			}
		})
	}
}

// TestForgedRepetition: a forged record of DTLS 1.3, whose numbers are encrypted, is refused in the
// same way and after the same work whether its number was used before or not. RFC 9147, Section
// 4.5.1.
func TestForgedRepetition(t *testing.T) {
	for _, p := range datagramPairs(t) {
		good, _, err := p.sealer.SealDatagram(nil, iana.ContentHandshake, make([]byte, 20), 0)
		if err != nil {
			t.Fatal(err)
		}
		open := func(forged bool) error {
			b := bytes.Clone(good)
			if forged {
				b[len(b)-1] ^= 1 // behind the sample that encrypts the number
			}
			r, _, _ := NextRecord(b, 0)
			_, _, _, err := p.opener.OpenDatagram(r)
			return err
		}
		if r, _, _ := NextRecord(good, 0); !r.Unified {
			continue // in DTLS 1.2 the number is in the clear
		}
		unused := open(true)
		if err := open(false); err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		if used := open(true); used != unused || !errors.Is(used, ErrBadMAC) {
			t.Errorf("%s: a forgery is refused with %v, and then with %v", p.name, unused, used)
		}
	}
}

// A record that was changed anywhere does not open, and leaves the window as it was.
func TestDatagramForgery(t *testing.T) {
	for _, p := range datagramPairs(t) {
		t.Run(p.name, func(t *testing.T) {
			good, _, err := p.sealer.SealDatagram(nil, iana.ContentHandshake, []byte("message"), 0)
			if err != nil {
				t.Fatal(err)
			}
			for i := range good {
				b := bytes.Clone(good)
				b[i] ^= 1
				r, _, ok := NextRecord(b, 0)
				if !ok || !r.Matches(p.opener.Epoch()) {
					continue
				}
				if _, _, _, err := p.opener.OpenDatagram(r); err == nil {
					t.Errorf("a record with byte %d of %d changed opens", i, len(good))
				}
			}
			r, _, _ := NextRecord(good, 0)
			if _, _, _, err := p.opener.OpenDatagram(r); err != nil {
				t.Errorf("the record itself: %v", err)
			}
		})
	}
}

func TestWindow(t *testing.T) {
	var w window
	random := rand.New(rand.NewPCG(3, 4))
	used := map[uint64]bool{}
	top := uint64(0)
	for range 20000 {
		n := uint64(max(0, int64(top)+random.Int64N(600)-500))
		if random.IntN(50) == 0 {
			n += 1000
		}
		fresh := !used[n] && (n >= top || top-n <= windowLen)
		if w.fresh(n) != fresh {
			t.Fatalf("number %d below %d: fresh is %v", n, top, !fresh)
		}
		if fresh {
			w.use(n)
			used[n] = true
			top = max(top, n+1)
		}
	}
}

func TestNear(t *testing.T) {
	for _, v := range []struct {
		next, low uint64
		bits      int
		want      uint64
	}{
		{0, 0, 16, 0}, {0, 0xffff, 16, 0xffff}, {0x10000, 0xffff, 16, 0xffff},
		{0x1fffe, 1, 16, 0x20001}, {300, 5, 8, 261}, {256, 255, 8, 255}, {255, 1, 8, 257},
	} {
		w := window{next: v.next}
		if got := w.near(v.low, v.bits); got != v.want {
			t.Errorf("%#x of %d bits near %#x: %#x, expected %#x", v.low, v.bits, v.next, got, v.want)
		}
	}
}

// A record of 8 bits of number and without a length fills the datagram.
func TestShortHeader(t *testing.T) {
	p := datagramPairs(t)[0]
	long := p.sealer.(*Sealer13)
	header := []byte{unified | 2, 0}
	body := append([]byte("text"), byte(iana.ContentApplicationData))
	long.next()
	sealed := long.key().aead.Seal(nil, long.key().nonce[:], body, header)
	mask := long.key().mask.Mask(sealed)
	header[1] ^= mask[0]
	r, rest, ok := NextRecord(append(header, sealed...), 0)
	if !ok || len(rest) > 0 {
		t.Fatal("the record is not found")
	}
	if typ, got, _, err := p.opener.OpenDatagram(r); err != nil || string(got) != "text" {
		t.Errorf("%v %q, %v", typ, got, err)
	}
}

func TestPlainDatagrams(t *testing.T) {
	p := PlainDatagrams{Version: iana.DTLS12}
	b, n, err := p.SealDatagram(nil, iana.ContentHandshake, []byte("hello"), 0)
	want := "\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05hello"
	if err != nil || n != (Number{}) || string(b) != want {
		t.Fatalf("%x %v, %v", b, n, err)
	}
	b, n, _ = p.SealDatagram(b, iana.ContentAlert, []byte{2, 40}, 0)
	if n.Sequence != 1 {
		t.Errorf("the second record has number %v", n)
	}
	r, rest, ok := NextRecord(b, 0)
	typ, payload, _, err := new(PlainDatagrams).OpenDatagram(r)
	if !ok || err != nil || typ != iana.ContentHandshake || string(payload) != "hello" {
		t.Errorf("%v %q, %v", typ, payload, err)
	}
	if r, rest, ok = NextRecord(rest, 0); !ok || len(rest) > 0 || r.Type != iana.ContentAlert {
		t.Errorf("the second record: %+v, %v", r, ok)
	}
}

// No datagram makes the parser or an opener panic, or return more than was there.
func FuzzNextRecord(f *testing.F) {
	p := datagramPairs(f)
	for _, pair := range p {
		b, _, err := pair.sealer.SealDatagram(nil, iana.ContentHandshake, []byte("message"), 3)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, 0)
		pair.sealer.(IDSealer).SetConnectionID([]byte("12345678"))
		b, _, err = pair.sealer.SealDatagram(nil, iana.ContentHandshake, []byte("message"), 3)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, 8)
	}
	f.Fuzz(func(t *testing.T, b []byte, idLen int) {
		total := len(b)
		for {
			r, rest, ok := NextRecord(b, idLen&0xff)
			if !ok {
				return
			}
			if total -= r.header + r.Len(); total != len(rest) {
				t.Fatalf("%d bytes are left, expected %d", len(rest), total)
			}
			for _, pair := range p {
				_, payload, _, err := pair.opener.OpenDatagram(r)
				if err == nil && len(payload) > r.Len() {
					t.Fatalf("a payload of %d bytes from %d", len(payload), r.Len())
				}
			}
			b = rest
		}
	})
}
