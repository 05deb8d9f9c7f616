//go:build !amd64 || purego || standardgcm

package gcm

import "crypto/cipher"

const accelerated, avx512 = false, false

func newAccelerated([]byte) cipher.AEAD { return nil }

func drop(cipher.AEAD) {}

type blockKey struct{}

func (*blockKey) set([]byte) bool { return false }

func (*blockKey) encrypt(_, _ *[16]byte) {}
