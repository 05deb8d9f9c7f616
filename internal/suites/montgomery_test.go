package suites

import (
	"bytes"
	"crypto/ecdh"
	"math/rand/v2"
	"testing"

	"github.com/cloudflare/circl/dh/x25519"
)

// TestX25519Public compares public keys with those of crypto/ecdh and of circl.
func TestX25519Public(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	secrets := [][]byte{make([]byte, 32), bytes.Repeat([]byte{0xff}, 32), make([]byte, 32)}
	secrets[2][0], secrets[2][31] = 7, 0x80 // bits that clamping clears
	for range 300 {
		secret := make([]byte, 32)
		random.Read(secret)
		secrets = append(secrets, secret)
	}
	for _, secret := range secrets {
		var got, circl x25519.Key
		x25519Public(got[:], secret)
		x25519.KeyGen(&circl, (*x25519.Key)(secret))
		key, err := ecdh.X25519().NewPrivateKey(secret)
		if err != nil {
			t.Fatal(err)
		}
		if want := key.PublicKey().Bytes(); got != circl || !bytes.Equal(got[:], want) {
			t.Fatalf("%x: %x, want %x", secret, got, want)
		}
	}
}

// BenchmarkX25519Public compares with the Montgomery ladder of circl.
func BenchmarkX25519Public(b *testing.B) {
	var public, secret x25519.Key
	b.Run("table", func(b *testing.B) {
		for b.Loop() {
			x25519Public(public[:], secret[:])
		}
	})
	b.Run("ladder", func(b *testing.B) {
		for b.Loop() {
			x25519.KeyGen(&public, &secret)
		}
	})
}
