package gcm_test

import (
	"bytes"
	"testing"

	"github.com/sealsock/sealsock/internal/gcm"
)

func TestKeyLengths(t *testing.T) {
	for n := range 65 {
		_, err := gcm.New(make([]byte, n))
		if good := n == 16 || n == 32; good != (err == nil) {
			t.Errorf("a key of %d bytes: %v", n, err)
		}
	}
}

func TestSizes(t *testing.T) {
	aead := newPair(t, 16).ours
	if aead.NonceSize() != 12 || aead.Overhead() != 16 {
		t.Fatal(aead.NonceSize(), aead.Overhead())
	}
}

// TestTampering alters each bit of the tag and each byte before it.
func TestTampering(t *testing.T) {
	nonce := make([]byte, 12)
	for keyLen := range keys {
		aead := newPair(t, keyLen).ours
		for _, n := range []int{0, 1, 16, 64, 65, 250, 256, 300, 512, 1000, 1100} {
			plaintext := bytes.Repeat([]byte{0xa5}, n)
			aad := []byte{23, 3, 3, 0, 0}
			sealed := aead.Seal(nil, nonce, plaintext, aad)
			for i := range n {
				sealed[i] ^= 0x40
				refuse(t, aead.Open, nonce, sealed, aad)
				sealed[i] ^= 0x40
			}
			for bit := range 128 {
				sealed[n+bit/8] ^= 1 << (bit % 8)
				refuse(t, aead.Open, nonce, sealed, aad)
				sealed[n+bit/8] ^= 1 << (bit % 8)
			}
			for i := range aad {
				aad[i] ^= 1
				refuse(t, aead.Open, nonce, sealed, aad)
				aad[i] ^= 1
			}
			refuse(t, aead.Open, nonce, sealed, aad[:4])
			refuse(t, aead.Open, nonce, sealed, append(aad, 0))
			refuse(t, aead.Open, append(nonce[:11:11], 1), sealed, aad)
			if opened, err := aead.Open(nil, nonce, sealed, aad); err != nil || !bytes.Equal(opened, plaintext) {
				t.Fatalf("%d bytes, put right again: %v", n, err)
			}
		}
	}
}

type openFunc func(dst, nonce, ciphertext, additionalData []byte) ([]byte, error)

// refuse demands an error and an output that is zeros where the plaintext
// would have been, out of place and in place, and untouched behind.
func refuse(t *testing.T, open openFunc, nonce, sealed, aad []byte) {
	t.Helper()
	n := len(sealed) - 16
	dst := bytes.Repeat([]byte{0xee}, 7+n+16)
	inPlace := bytes.Clone(sealed)
	got, err := open(dst[:7], nonce, sealed, aad)
	if err == nil || got != nil {
		t.Fatalf("%d bytes: altered and accepted", n)
	}
	if want := append(bytes.Repeat([]byte{0xee}, 7), make([]byte, n)...); !bytes.Equal(dst[:7+n], want) {
		t.Fatalf("%d bytes: refused, but the output has %x", n, dst[:7+n])
	}
	if !bytes.Equal(dst[7+n:], bytes.Repeat([]byte{0xee}, 16)) {
		t.Fatalf("%d bytes: wrote %x behind the output", n, dst[7+n:])
	}
	if _, err := open(inPlace[:0], nonce, inPlace, aad); err == nil {
		t.Fatalf("%d bytes in place: altered and accepted", n)
	}
	if !bytes.Equal(inPlace[:n], make([]byte, n)) || !bytes.Equal(inPlace[n:], sealed[n:]) {
		t.Fatalf("%d bytes in place: refused, but the output has %x", n, inPlace)
	}
}

func TestShorterThanATag(t *testing.T) {
	aead := newPair(t, 16).ours
	for n := range 16 {
		if _, err := aead.Open(nil, make([]byte, 12), make([]byte, n), nil); err == nil {
			t.Errorf("opened %d bytes", n)
		}
	}
}

func TestPanics(t *testing.T) {
	aead := newPair(t, 16).ours
	nonce, buf := make([]byte, 12), make([]byte, 200)
	for _, tt := range []struct {
		name string
		call func()
	}{
		{"seal, short nonce", func() { aead.Seal(nil, nonce[:11], nil, nil) }},
		{"seal, long nonce", func() { aead.Seal(nil, make([]byte, 13), nil, nil) }},
		{"open, short nonce", func() { aead.Open(nil, nonce[:11], buf, nil) }},
		{"open, no nonce", func() { aead.Open(nil, nil, buf, nil) }},
		{"seal one byte forward", func() { aead.Seal(buf[1:1], nonce, buf[:50], nil) }},
		{"seal one byte back", func() { aead.Seal(buf[:0], nonce, buf[1:50], nil) }},
		{"seal, only the tag overlaps", func() { aead.Seal(buf[:0], nonce, buf[65:115], nil) }},
		{"seal over additional data", func() { aead.Seal(buf[:0], nonce, buf[:50], buf[65:70]) }},
		{"open one byte forward", func() { aead.Open(buf[1:1], nonce, buf[:50], nil) }},
		{"open over additional data", func() { aead.Open(buf[:0], nonce, buf[:66], buf[49:51]) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("did not panic")
				}
			}()
			tt.call()
		})
	}
}

// TestNeighbours has additional data, output and input end to end, which is
// no overlap.
func TestNeighbours(t *testing.T) {
	p := newPair(t, 32)
	nonce, buf := make([]byte, 12), make([]byte, 200)
	header, plaintext := buf[:5], buf[66:111]
	want := p.standard.Seal(nil, nonce, plaintext, header)
	if got := p.ours.Seal(buf[5:5], nonce, plaintext, header); !bytes.Equal(got, want) || &got[0] != &buf[5] {
		t.Errorf("sealed %x, want %x", got, want)
	}
}

func TestAllocatesNothing(t *testing.T) {
	aead := newPair(t, 32).ours
	nonce, header := make([]byte, 12), []byte{23, 3, 3, 0, 0}
	buf := make([]byte, 1000, 1016)
	if n := testing.AllocsPerRun(100, func() {
		sealed := aead.Seal(buf[:0], nonce, buf, header)
		if _, err := aead.Open(sealed[:0], nonce, sealed, header); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
