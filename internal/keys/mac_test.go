package keys

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"math/rand/v2"
	"testing"
)

// TestMAC compares mac with crypto/hmac for keys and messages of all lengths around the
// blocks and the bound.
func TestMAC(t *testing.T) {
	random := rand.NewChaCha8([32]byte{})
	lengths := []int{
		0, 1, 31, 32, 33, 47, 48, 49, 63, 64, 65, 127, 128, 129, 191, 192, 193, 255, 256, 257,
		319, 320, 321, 700,
	}
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384} {
		for _, keyLen := range lengths {
			for _, n := range lengths {
				key, message := make([]byte, keyLen), make([]byte, n)
				random.Read(key)
				random.Read(message)
				var out [maxHash]byte
				cut := n / 3
				got := mac(&out, h, key, message[:cut], nil, message[cut:])
				standard := hmac.New(h.New, key)
				standard.Write(message)
				if want := standard.Sum(nil); !bytes.Equal(got, want) {
					t.Fatalf("%v, key of %d bytes, message of %d: %x, want %x", h, keyLen, n, got, want)
				}
			}
		}
	}
}

// TestExpandLabelDoesNotAllocate bounds the cost of a derivation.
func TestExpandLabelDoesNotAllocate(t *testing.T) {
	key, transcript := make([]byte, 48), make([]byte, 48)
	var out [maxHash]byte
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384} {
		n := testing.AllocsPerRun(100, func() {
			n := h.Size()
			expandPrefixed(out[:n], h, key[:n], streamPrefix, "c hs traffic", transcript[:n])
		})
		if n > 0 {
			t.Errorf("%v: %v allocations", h, n)
		}
	}
}

// BenchmarkExpandLabel takes the time of one derivation.
func BenchmarkExpandLabel(b *testing.B) {
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384} {
		b.Run(h.String(), func(b *testing.B) {
			var out, key, transcript [maxHash]byte
			n := h.Size()
			for b.Loop() {
				expandPrefixed(out[:n], h, key[:n], streamPrefix, "c hs traffic", transcript[:n])
			}
		})
	}
}
