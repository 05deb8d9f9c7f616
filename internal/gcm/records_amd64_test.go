//go:build !purego && !standardgcm

package gcm_test

import (
	"bytes"
	"testing"

	"github.com/sealsock/sealsock/internal/gcm"
)

var (
	recordNonce  = [12]byte([]byte("twelve bytes"))
	recordHeader = []byte{23, 3, 3, 0, 21}
)

// records returns the AEAD of this package, and that of crypto/cipher.
func records(t *testing.T, keyLen int) (gcm.Records, pair) {
	t.Helper()
	p := newPair(t, keyLen)
	own, ok := p.ours.(gcm.Records)
	if !ok {
		t.Skip("this processor has no VAES")
	}
	return own, p
}

// TestRecords seals and opens contents of every length with a byte behind them, beside
// crypto/cipher.
func TestRecords(t *testing.T) {
	for keyLen := range keys {
		own, p := records(t, keyLen)
		for i := range 1106 {
			n := i
			if i > 1100 {
				n = 16380 + i%1100
			}
			content := make([]byte, n)
			for i := range content {
				content[i] = byte(i*7 + 1)
			}
			kept := bytes.Clone(content)
			plaintext := append(bytes.Clone(content), 23)
			want := p.standard.Seal(recordHeader, recordNonce[:], plaintext, recordHeader)
			got := append(make([]byte, 0, len(want)), recordHeader...)[:len(want)]
			own.SealRecord(got, &recordNonce, content, 23)
			if !bytes.Equal(got, want) || !bytes.Equal(content, kept) {
				t.Fatalf("key %d, %d bytes: sealed %x, want %x", keyLen, n, got, want)
			}
			openRecord(t, own, want, content)
			overlapping(t, own, want, content)
			beforeTheOutput(t, own, p, content)
		}
	}
}

// openRecord opens sealed, which TestRecords has sealed. Then it alters a bit.
func openRecord(t *testing.T, own gcm.Records, sealed, content []byte) {
	t.Helper()
	const guard = 0xee
	n := len(content)
	for _, altered := range []bool{false, true} {
		rec, out := bytes.Clone(sealed), bytes.Repeat([]byte{guard}, n+300)
		want := content
		if altered {
			rec[5+(len(rec)-5)*2/3] ^= 0x10
			want = make([]byte, n)
		}
		last, ok := own.OpenRecord(out[:n], rec, &recordNonce)
		if ok == altered || ok && last != 23 || !bytes.Equal(out[:n], want) {
			t.Fatalf("%d bytes, altered: %v: opened %x, %d, %v", n, altered, out[:n], last, ok)
		}
		if !bytes.Equal(out[n:], bytes.Repeat([]byte{guard}, 300)) {
			t.Fatalf("%d bytes: wrote behind the output: %x", n, out[n:])
		}
	}
	for _, wrong := range []int{n - 1, n + 1} {
		if wrong < 0 {
			continue
		}
		if _, ok := own.OpenRecord(make([]byte, wrong), sealed, &recordNonce); ok {
			t.Fatalf("opened %d bytes to %d", n, wrong)
		}
	}
}

// overlapping seals and opens where the input and the output share memory.
func overlapping(t *testing.T, own gcm.Records, sealed, content []byte) {
	t.Helper()
	n := len(content)
	for _, shift := range []int{0, 1, 5, 40} {
		room := make([]byte, n+100)
		in := room[shift : shift+n]
		copy(in, content)
		if shift >= 5 { // it begins where it will be sealed, or behind
			copy(room, recordHeader)
			if own.SealRecord(room[:len(sealed)], &recordNonce, in, 23); !bytes.HasPrefix(room, sealed) {
				t.Fatalf("%d bytes, %d behind the output: sealed %x", n, shift, room)
			}
		}
		copy(room, sealed)
		out := room[shift : shift+n]
		last, ok := own.OpenRecord(out, room[:len(sealed)], &recordNonce)
		if !ok || last != 23 || !bytes.Equal(out, content) {
			t.Fatalf("%d bytes, %d behind the record: opened %x, %d, %v", n, shift, out, last, ok)
		}
	}
}

// beforeTheOutput seals what begins within the header, and so is overwritten before it is read
// unless it is copied.
func beforeTheOutput(t *testing.T, own gcm.Records, p pair, content []byte) {
	t.Helper()
	const shift = 1
	room := make([]byte, len(recordHeader)+len(content)+1+16)
	in := room[shift : shift+len(content)]
	copy(in, content)
	copy(room, recordHeader)
	plaintext := append(bytes.Clone(in), 23)
	want := p.standard.Seal(bytes.Clone(recordHeader), recordNonce[:], plaintext, recordHeader)
	if own.SealRecord(room, &recordNonce, in, 23); !bytes.Equal(room, want) {
		t.Fatalf("%d bytes, before the output: sealed %x, want %x", len(content), room, want)
	}
}

func TestRecordsAllocateNothing(t *testing.T) {
	own, _ := records(t, 32)
	content, sealed := make([]byte, 1000), make([]byte, 1022)
	copy(sealed, recordHeader)
	if n := testing.AllocsPerRun(100, func() {
		own.SealRecord(sealed, &recordNonce, content, 23)
		if _, ok := own.OpenRecord(content, sealed, &recordNonce); !ok {
			t.Error("not opened")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
