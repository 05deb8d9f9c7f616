//go:build !purego && !standardgcm

package gcm

import (
	"crypto/cipher"
	"crypto/fips140"
	"encoding/binary"
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
		expand128(&a.rounds, &key[0])
	case 32:
		a.wide = 1
		expand256(&a.rounds, &key[0])
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
		tables.Put(own.long.Load())
		dropped.Put(own)
	}
}

// A state is all that a key needs: 512 bytes. The assembly knows the order of
// the fields and reads up to 48 bytes past powers.
type state struct {
	//lint:ignore U1000 the assembly uses it
	powers [16][16]byte // H^16 … H^1, as vector_amd64.h says
	rounds [15][16]byte // AES round keys; the last is rounds[14] for both key lengths
	wide   uint64       // 1 for a key of 32 bytes
	long   reuse.Later[table]
}

// A blockKey is what a Block has of its key.
type blockKey struct {
	rounds [15][16]byte // as in a state
	wide   uint64
}

// set returns false where this CPU cannot run the assembly.
func (k *blockKey) set(key []byte) bool {
	if !accelerated {
		return false
	}
	if len(key) == 32 {
		k.wide = 1
		expand256(&k.rounds, &key[0])
	} else {
		k.wide = 0
		expand128(&k.rounds, &key[0])
	}
	return true
}

func (k *blockKey) encrypt(dst, src *[16]byte) { encrypt(&k.rounds, k.wide, &dst[0], &src[0]) }

// A table is what else a key needs for messages of more than mostShort bytes with AVX-512. A
// connection that has had none does without its memory.
type table struct {
	//lint:ignore U1000 the assembly uses it
	powers [32][16]byte // H^32 … H^1
	//lint:ignore U1000 the assembly uses it
	halves [32][8]byte // the sums of their halves, as HALVES orders them
}

// mostShort is how long a message is for which the powers of the state are enough, with one of
// them for the block of lengths.
const mostShort = 15 * 16

// tables has the memory of tables that are used no more, which is zero.
var tables reuse.Pool[table]

// prepare makes the table, if a message of n bytes is the first one to need it. Several
// goroutines may seal and open at once.
func (s *state) prepare(n int) {
	if n > mostShort && s.long.Load() == nil {
		s.addTable()
	}
}

func (s *state) addTable() {
	t := tables.Get()
	deriveTable(s, t)
	if !s.long.Store(t) {
		tables.Put(t)
	}
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
		a.prepare(n)
		seal(&a.state, &out[0], in, n, aad, len(additionalData), &nonce[0], &out[n], nil)
	} else {
		sealAVX2(&a.state, &out[0], in, n, aad, len(additionalData), &nonce[0], &out[n], nil)
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
	if !a.open(out, nonce, ciphertext, additionalData, nil) {
		return nil, errOpen
	}
	return all, nil
}

// open decrypts ciphertext to out, or clears that. rest is as in the assembly for AVX2, or it is
// last of that for AVX-512.
func (a *aead) open(out, nonce, ciphertext, additionalData []byte, rest *byte) bool {
	n := len(ciphertext) - tagSize
	var tag [tagSize]byte
	to, in := unsafe.SliceData(out), unsafe.SliceData(ciphertext)
	aad, aadLen := unsafe.SliceData(additionalData), len(additionalData)
	if avx512 {
		a.prepare(n)
		open(&a.state, to, in, n, aad, aadLen, &nonce[0], &tag[0], rest)
	} else {
		openAVX2(&a.state, to, in, n, aad, aadLen, &nonce[0], &tag[0], rest)
	}
	if !sameTag(&tag, ciphertext[n:]) {
		clear(out)
		return false
	}
	return true
}

// sameTag compares in constant time, without the loop over bytes of package subtle.
func sameTag(a *[tagSize]byte, b []byte) bool {
	first := binary.NativeEndian.Uint64(a[:8]) ^ binary.NativeEndian.Uint64(b[:8])
	second := binary.NativeEndian.Uint64(a[8:]) ^ binary.NativeEndian.Uint64(b[8:tagSize])
	return first|second == 0
}

// expand128 and expand256 write the round keys of a key of 16 or 32 bytes.
//
//go:noescape
func expand128(rounds *[15][16]byte, key *byte)

//go:noescape
func expand256(rounds *[15][16]byte, key *byte)

// encrypt encrypts one block. Wide is as in a state.
//
//go:noescape
func encrypt(rounds *[15][16]byte, wide uint64, dst, src *byte)

// derivePowers and derivePowersAVX2 write the powers, from the round keys.
//
//go:noescape
func derivePowers(s *state)

//go:noescape
func derivePowersAVX2(s *state)

// deriveTable fills t, from the powers.
//
//go:noescape
func deriveTable(s *state, t *table)

// vectorAES reports whether the processor has VAES and VPCLMULQDQ.
func vectorAES() bool

// seal encrypts n bytes at src to dst and writes their tag of 16 bytes. It needs a table
// if n is more than mostShort. If last is not nil,
// the last byte is there, and not behind the others.
//
//go:noescape
func seal(s *state, dst, src *byte, n int, aad *byte, aadLen int, nonce, tag, last *byte)

// open decrypts n bytes at src to dst and writes the tag that they should
// have; the caller compares. It needs a table as seal does. If last is not nil, the last byte
// goes there.
//
//go:noescape
func open(s *state, dst, src *byte, n int, aad *byte, aadLen int, nonce, tag, last *byte)

// sealAVX2 and openAVX2 take the place of seal and open without AVX-512. If rest is not nil, the
// last n%widthAVX2 bytes are there.
//
//go:noescape
func sealAVX2(s *state, dst, src *byte, n int, aad *byte, aadLen int, nonce, tag, rest *byte)

//go:noescape
func openAVX2(s *state, dst, src *byte, n int, aad *byte, aadLen int, nonce, tag, rest *byte)
