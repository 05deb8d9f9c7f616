package gcm_test

import (
	"bytes"
	"testing"
)

// FuzzAgainstStandard gives the same calls to crypto/cipher's GCM: what they
// seal must be equal, and so must what they make of the input as ciphertext.
func FuzzAgainstStandard(f *testing.F) {
	f.Add(false, []byte{}, []byte{}, []byte{}, []byte{})
	f.Add(true, []byte("key"), []byte("nonce"), []byte("hello"), []byte{23, 3, 3, 0, 5})
	f.Add(false, []byte("key"), []byte("nonce"), make([]byte, 257), make([]byte, 13))
	f.Add(true, []byte{0xff}, []byte{}, bytes.Repeat([]byte{0xff}, 1255), bytes.Repeat([]byte{1}, 33))
	f.Fuzz(func(t *testing.T, long bool, key, nonce, text, aad []byte) {
		n := 16
		if long {
			n = 32
		}
		p := pairFor(t, append(key, make([]byte, 32)...)[:n])
		nonce = append(nonce, make([]byte, 12)...)[:12]

		want := p.standard.Seal(nil, nonce, text, aad)
		got := p.ours.Seal(nil, nonce, text, aad)
		if !bytes.Equal(got, want) {
			t.Fatalf("sealed %x, want %x", got, want)
		}
		if opened, err := p.ours.Open(got[:0], nonce, got, aad); err != nil || !bytes.Equal(opened, text) {
			t.Fatalf("opened %x, %v", opened, err)
		}
		wantText, wantErr := p.standard.Open(nil, nonce, text, aad)
		gotText, gotErr := p.ours.Open(nil, nonce, text, aad)
		if (gotErr == nil) != (wantErr == nil) || !bytes.Equal(gotText, wantText) {
			t.Fatalf("opened %x, %v; want %x, %v", gotText, gotErr, wantText, wantErr)
		}
	})
}
