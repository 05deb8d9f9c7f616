package keys

import (
	"bytes"
	"crypto"
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"

	"github.com/sealsock/sealsock/internal/hmac256"
)

// The blocks of SHA-256 and SHA-384, in bytes, and the longest message that is hashed
// on the stack: all of the key schedule are shorter.
const (
	block256 = 64
	block384 = 128
	maxShort = 320
)

// The pads of HMAC, and what turns the one into the other.
var (
	ipad     = [block384]byte(bytes.Repeat([]byte{0x36}, block384))
	ipadOpad = [block384]byte(bytes.Repeat([]byte{0x36 ^ 0x5c}, block384))
)

// mac returns HMAC (RFC 2104) of the parts of a message under a key, in out:
//
//	H((key ^ opad) || H((key ^ ipad) || message))
//
// A handshake computes some thirty of them over a few dozen bytes. Package crypto/hmac
// allocates seven times for each, so short messages are hashed here: by package hmac256 where
// it has code for SHA-256, and else by crypto/sha256 and crypto/sha512. The module of FIPS
// 140-3 has its own HMAC, which is used in its mode.
func mac(out *[maxHash]byte, h crypto.Hash, key []byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	var k hmac256.Key
	if h != crypto.SHA256 || n > hmac256.Max || !k.Set(key) {
		return hashedMAC(out, h, key, parts)
	}
	var room hmac256.Room
	n = 0
	for _, p := range parts {
		n += copy(room[n:], p)
	}
	short := (*[hmac256.Size]byte)(out[:])
	k.Sum(short, &room, n)
	return short[:]
}

// hashedMAC is mac without package hmac256.
func hashedMAC(out *[maxHash]byte, h crypto.Hash, key []byte, parts [][]byte) []byte {
	size := block256
	if h == crypto.SHA384 {
		size = block384
	}
	n := size
	for _, p := range parts {
		n += len(p)
	}
	short := (h == crypto.SHA256 || h == crypto.SHA384) && len(key) <= size && n <= maxShort
	if !short || fips140.Enabled() {
		return standardMAC(out, h, key, parts)
	}
	var buf [maxShort]byte
	copy(buf[:size], ipad[:])
	subtle.XORBytes(buf[:], buf[:len(key)], key)
	n = size
	for _, p := range parts {
		n += copy(buf[n:], p)
	}
	inner := sum(out, h, buf[:n])
	subtle.XORBytes(buf[:], buf[:size], ipadOpad[:])
	n = size + copy(buf[size:], inner)
	return sum(out, h, buf[:n])
}

// Hash returns the hash of b, SHA-256 or SHA-384. It allocates the result alone.
func Hash(h crypto.Hash, b []byte) []byte {
	var out [maxHash]byte
	return bytes.Clone(sum(&out, h, b))
}

// sum returns the hash of b in out.
func sum(out *[maxHash]byte, h crypto.Hash, b []byte) []byte {
	if h == crypto.SHA384 {
		*out = sha512.Sum384(b)
		return out[:sha512.Size384]
	}
	short := sha256.Sum256(b)
	return out[:copy(out[:], short[:])]
}

// standardMAC copies what it is given: the interface of package hash would move it, and
// what mac was given, to the heap.
func standardMAC(out *[maxHash]byte, h crypto.Hash, key []byte, parts [][]byte) []byte {
	m := hmac.New(h.New, bytes.Clone(key))
	for _, p := range parts {
		m.Write(bytes.Clone(p))
	}
	return out[:copy(out[:], m.Sum(nil))]
}
