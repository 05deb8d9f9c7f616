package gcm_test

import (
	"bytes"
	"testing"

	"github.com/sealsock/sealsock/internal/gcm"
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
		if own, ok := p.ours.(gcm.Records); ok {
			againstStandard(t, own, p, [12]byte(nonce), text)
		}
	})
}

// againstStandard does the same for a record with text as its content, and for what text is as
// the rest of a record behind a header.
func againstStandard(t *testing.T, own gcm.Records, p pair, nonce [12]byte, text []byte) {
	t.Helper()
	header := []byte{23, 3, 3, 0, 0}
	want := p.standard.Seal(bytes.Clone(header), nonce[:], append(bytes.Clone(text), 22), header)
	record := append(bytes.Clone(header), make([]byte, len(text)+1+16)...)
	if own.SealRecord(record, &nonce, text, 22); !bytes.Equal(record, want) {
		t.Fatalf("sealed the record %x, want %x", record, want)
	}
	out := make([]byte, len(text))
	last, ok := own.OpenRecord(out, record, &nonce)
	if !ok || last != 22 || !bytes.Equal(out, text) {
		t.Fatalf("opened the record %x, %d, %v", out, last, ok)
	}
	if len(text) < 17 {
		return
	}
	_, err := p.standard.Open(nil, nonce[:], text, header)
	_, ok = own.OpenRecord(out[:len(text)-17], append(header, text...), &nonce)
	if ok != (err == nil) {
		t.Fatalf("opened a record: %v; want %v", ok, err)
	}
}
