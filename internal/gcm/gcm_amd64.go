//go:build !purego && !standardgcm

package gcm

import (
	"crypto/cipher"
	"crypto/fips140"
	"crypto/subtle"
	"fmt"
	"io"
	"unsafe"

	"golang.org/x/sys/cpu"

	"github.com/sealsock/sealsock/internal/reuse"
)

// accelerated is whether this processor has what either variant needs, and avx512 is
// whether it has what the wider one needs. golang.org/x/sys/cpu knows the last two
// features with AVX-512 only, and has seen that the operating system saves the registers.
var (
	accelerated = cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ && cpu.X86.HasAVX2 &&
		!fips140.Enabled() && vectorAES()
	avx512 = accelerated && cpu.X86.HasBMI2 && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL &&
		cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ &&
		cpu.X86.HasAVX512VAES && cpu.X86.HasAVX512VPCLMULQDQ
)

// newAccelerated returns nil where this CPU cannot run the assembly.
func newAccelerated(key []byte) cipher.AEAD {
	if !accelerated {
		return nil
	}
	a := dropped.Get()
	switch len(key) {
	case 16:
		expand128(&a.state, &key[0])
	case 32:
		a.wide = 1
		expand256(&a.state, &key[0])
	default:
		return nil
	}
	if avx512 {
		derivePowers(&a.state)
	} else {
		derivePowersAVX2(&a.state)
	}
	return a
}

// dropped has the memory of keys that are used no more, which is zero.
var dropped reuse.Pool[aead]

func drop(a cipher.AEAD) {
	if own, ok := a.(*aead); ok {
		dropped.Put(own)
	}
}

// A state is all that a key needs: 504 bytes. The assembly knows the order of
// the fields and reads up to 48 bytes past powers.
type state struct {
	//lint:ignore U1000 the assembly uses it
	powers [16][16]byte // H^16 … H^1, as gcm_amd64.s says
	rounds [15][16]byte // AES round keys; the last is rounds[14] for both key lengths
	wide   uint64       // 1 for a key of 32 bytes
}

type aead struct{ state }

// Format keeps the key out of every print and log, whatever the verb.
func (aead) Format(s fmt.State, _ rune) { io.WriteString(s, "[redacted]") }

func (a *aead) NonceSize() int { return nonceSize }
func (a *aead) Overhead() int  { return tagSize }

func (a *aead) Seal(dst, nonce, plaintext, additionalData []byte) []byte {
	n := len(plaintext)
	checkNonce(nonce)
	if uint64(n) > maxPlaintext {
		panic("gcm: plaintext too long")
	}
	all, out := extend(dst, n+tagSize)
	checkOverlap(out, plaintext, additionalData)
	in, aad := unsafe.SliceData(plaintext), unsafe.SliceData(additionalData)
	if avx512 {
		seal(&a.state, unsafe.SliceData(out), in, n, aad, len(additionalData), &nonce[0], &out[n])
	} else {
		sealAVX2(&a.state, unsafe.SliceData(out), in, n, aad, len(additionalData), &nonce[0], &out[n])
	}
	return all
}

func (a *aead) Open(dst, nonce, ciphertext, additionalData []byte) ([]byte, error) {
	n := len(ciphertext) - tagSize
	checkNonce(nonce)
	if n < 0 || uint64(n) > maxPlaintext {
		return nil, errOpen
	}
	all, out := extend(dst, n)
	checkOverlap(out, ciphertext, additionalData)
	var tag [tagSize]byte
	in, aad := unsafe.SliceData(ciphertext), unsafe.SliceData(additionalData)
	if avx512 {
		open(&a.state, unsafe.SliceData(out), in, n, aad, len(additionalData), &nonce[0], &tag[0])
	} else {
		openAVX2(&a.state, unsafe.SliceData(out), in, n, aad, len(additionalData), &nonce[0], &tag[0])
	}
	if subtle.ConstantTimeCompare(tag[:], ciphertext[n:]) != 1 {
		clear(out)
		return nil, errOpen
	}
	return all, nil
}

// expand128 and expand256 write the round keys of a key of 16 or 32 bytes.
//
//go:noescape
func expand128(s *state, key *byte)

//go:noescape
func expand256(s *state, key *byte)

// derivePowers and derivePowersAVX2 write the powers, from the round keys.
//
//go:noescape
func derivePowers(s *state)

//go:noescape
func derivePowersAVX2(s *state)

// vectorAES reports whether the processor has VAES and VPCLMULQDQ.
func vectorAES() bool

// seal encrypts n bytes at src to dst and writes their tag of 16 bytes.
//
//go:noescape
func seal(s *state, dst, src *byte, n int, aad *byte, aadLen int, nonce, tag *byte)

// open decrypts n bytes at src to dst and writes the tag that they should
// have; the caller compares.
//
//go:noescape
func open(s *state, dst, src *byte, n int, aad *byte, aadLen int, nonce, tag *byte)

// sealAVX2 and openAVX2 do as seal and open.
//
//go:noescape
func sealAVX2(s *state, dst, src *byte, n int, aad *byte, aadLen int, nonce, tag *byte)

//go:noescape
func openAVX2(s *state, dst, src *byte, n int, aad *byte, aadLen int, nonce, tag *byte)
