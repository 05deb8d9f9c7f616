package gcm_test

import (
	"crypto/aes"
	"fmt"
	"testing"

	"github.com/sealsock/sealsock/internal/gcm"
)

// TestBlock compares a Block with crypto/aes, also one that has had a key of the other length.
func TestBlock(t *testing.T) {
	var b gcm.Block
	for i := range 1000 {
		key := make([]byte, 16+16*(i%2))
		for j := range key {
			key[j] = byte(i * (j + 7) >> (j % 5))
		}
		if err := b.SetKey(key); err != nil {
			t.Fatal(err)
		}
		standard, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		in, want := [16]byte{byte(i), 15: byte(i >> 8)}, [16]byte{}
		for range 3 {
			standard.Encrypt(want[:], in[:])
			if got := b.Encrypt(in); got != want {
				t.Fatalf("a key of %d bytes: %x became %x, expected %x", len(key), in, got, want)
			}
			in = want
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		if got := fmt.Sprintf(verb, &b) + fmt.Sprintf(verb, b); got != "[redacted][redacted]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

// TestBlockLengths: a key of another length is an error.
func TestBlockLengths(t *testing.T) {
	var b gcm.Block
	for _, n := range []int{0, 15, 17, 24, 31, 33} {
		if err := b.SetKey(make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes was taken", n)
		}
	}
}
