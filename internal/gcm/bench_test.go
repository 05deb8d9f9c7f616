package gcm_test

import (
	"crypto/cipher"
	"fmt"
	"testing"
)

// BenchmarkRecords has crypto/cipher and this package side by side, sealing
// and opening as TLS 1.3 does. 16385 is a full record and its content type.
func BenchmarkRecords(b *testing.B) {
	for _, keyLen := range []int{16, 32} {
		p := newPair(b, keyLen)
		for _, n := range []int{16, 64, 256, 1350, 8192, 16384, 16385} {
			name := fmt.Sprintf("AES-%d/%d", keyLen*8, n)
			b.Run(name+"/seal/standard", func(b *testing.B) { benchmarkSeal(b, p.standard, n) })
			b.Run(name+"/seal/ours", func(b *testing.B) { benchmarkSeal(b, p.ours, n) })
			b.Run(name+"/open/standard", func(b *testing.B) { benchmarkOpen(b, p.standard, n) })
			b.Run(name+"/open/ours", func(b *testing.B) { benchmarkOpen(b, p.ours, n) })
		}
	}
}

func benchmarkSeal(b *testing.B, aead cipher.AEAD, n int) {
	nonce, header, buf := make([]byte, 12), make([]byte, 5), make([]byte, n+16)
	b.SetBytes(int64(n))
	b.ReportAllocs()
	for b.Loop() {
		aead.Seal(buf[:0], nonce, buf[:n], header)
	}
}

func benchmarkOpen(b *testing.B, aead cipher.AEAD, n int) {
	nonce, header, buf := make([]byte, 12), make([]byte, 5), make([]byte, n)
	sealed := aead.Seal(nil, nonce, buf, header)
	b.SetBytes(int64(n))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := aead.Open(buf[:0], nonce, sealed, header); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for keyLen := range keys {
		b.Run(fmt.Sprintf("AES-%d", keyLen*8), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				newPair(b, keyLen)
			}
		})
	}
}
