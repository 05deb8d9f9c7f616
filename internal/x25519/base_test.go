package x25519_test

import (
	"bytes"
	"crypto/ecdh"
	"math/rand/v2"
	"testing"

	circl "github.com/cloudflare/circl/dh/x25519"

	"github.com/sealsock/sealsock/internal/x25519"
)

// TestPublic compares public keys with those of crypto/ecdh and of circl.
func TestPublic(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	secrets := [][]byte{make([]byte, 32), bytes.Repeat([]byte{0xff}, 32), make([]byte, 32)}
	secrets[2][0], secrets[2][31] = 7, 0x80            // bits that clamping clears
	for _, b := range []byte{0x77, 0x78, 0x87, 0x88} { // every digit is at an end of its range
		secrets = append(secrets, bytes.Repeat([]byte{b}, 32))
	}
	for i := range 256 { // each digit alone, and all but one bit
		one, others := make([]byte, 32), bytes.Repeat([]byte{0xff}, 32)
		one[i/8] |= 1 << (i % 8)
		others[i/8] ^= one[i/8]
		secrets = append(secrets, one, others)
	}
	for range 300 {
		secret := make([]byte, 32)
		random.Read(secret)
		secrets = append(secrets, secret)
	}
	for _, secret := range secrets {
		var got, theirs [32]byte
		x25519.Public(&got, (*[32]byte)(secret))
		circl.KeyGen((*circl.Key)(&theirs), (*circl.Key)(secret))
		key, err := ecdh.X25519().NewPrivateKey(secret)
		if err != nil {
			t.Fatal(err)
		}
		if want := key.PublicKey().Bytes(); got != theirs || !bytes.Equal(got[:], want) {
			t.Fatalf("%x: %x, want %x", secret, got, want)
		}
	}
}

// BenchmarkPublic compares with the Montgomery ladder of circl.
func BenchmarkPublic(b *testing.B) {
	var public, secret [32]byte
	b.Run("table", func(b *testing.B) {
		for b.Loop() {
			x25519.Public(&public, &secret)
		}
	})
	b.Run("ladder", func(b *testing.B) {
		for b.Loop() {
			circl.KeyGen((*circl.Key)(&public), (*circl.Key)(&secret))
		}
	})
}
