package gcm_test

import (
	"bytes"
	"testing"

	"github.com/sealsock/sealsock/internal/gcm"
	"golang.org/x/sys/unix"
)

// TestMemoryEdges puts everything that the cipher touches at the very end of
// readable memory, and then at the very start: one byte too far is a fault.
func TestMemoryEdges(t *testing.T) {
	places := map[string]func(n int) []byte{}
	ends, starts := newIslands(t, 8), newIslands(t, 8)
	for keyLen := range keys {
		for n := range 1100 {
			for _, aadLen := range []int{0, n % 34} {
				places["end"] = take(ends, func(b []byte, n int) []byte { return b[len(b)-n:] })
				places["start"] = take(starts, func(b []byte, n int) []byte { return b[:n:n] })
				for name, place := range places {
					sealAndOpen(t, name, place, keyLen, n, aadLen)
				}
			}
		}
	}
}

func sealAndOpen(t *testing.T, name string, place func(n int) []byte, keyLen, n, aadLen int) {
	t.Helper()
	key, nonce, aad := place(keyLen), place(12), place(aadLen)
	plaintext, sealed, opened := place(n), place(n+16), place(n)
	copy(key, keys[keyLen])
	for i := range plaintext {
		plaintext[i] = byte(i)
	}
	aead, err := gcm.New(key)
	if err != nil {
		t.Fatal(err)
	}
	want := newPair(t, keyLen).standard.Seal(nil, nonce, plaintext, aad)
	aead.Seal(sealed[:0], nonce, plaintext, aad)
	if !bytes.Equal(sealed, want) {
		t.Fatalf("%d bytes at the %s of memory: sealed %x, want %x", n, name, sealed, want)
	}
	if _, err := aead.Open(opened[:0], nonce, sealed, aad); err != nil || !bytes.Equal(opened, plaintext) {
		t.Fatalf("%d bytes at the %s of memory: opened %x, %v", n, name, opened, err)
	}
	own, ok := aead.(gcm.Records)
	if !ok {
		return
	}
	record, content := place(5+n+1+16), place(n)
	own.SealRecord(record, (*[12]byte)(nonce), plaintext, 23)
	last, ok := own.OpenRecord(content, record, (*[12]byte)(nonce))
	if !ok || last != 23 || !bytes.Equal(content, plaintext) {
		t.Fatalf("a record of %d bytes at the %s of memory: opened %x, %v", n, name, content, ok)
	}
}

// newIslands returns stretches of memory with nothing readable around them.
func newIslands(t *testing.T, count int) [][]byte {
	t.Helper()
	page := unix.Getpagesize()
	islands := make([][]byte, count)
	for i := range islands {
		all, err := unix.Mmap(-1, 0, 3*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Munmap(all) })
		for _, guard := range [][]byte{all[:page], all[2*page:]} {
			if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
				t.Fatal(err)
			}
		}
		islands[i] = all[page : 2*page : 2*page]
	}
	return islands
}

// take returns a function that uses up one island a call.
func take(islands [][]byte, cut func(b []byte, n int) []byte) func(n int) []byte {
	return func(n int) []byte {
		b := islands[0]
		islands = islands[1:]
		return cut(b, n)
	}
}
