// Package ccm implements counter mode with CBC-MAC (RFC 3610; NIST SP 800-38C)
// as a cipher.AEAD, which the standard library lacks. Constrained devices use
// it.
package ccm

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

const blockSize = 16

var (
	errTag    = errors.New("ccm: the tag must have 4 to 16 bytes, an even number")
	errNonce  = errors.New("ccm: the nonce must have 7 to 13 bytes")
	errBlock  = errors.New("ccm: the block cipher must have blocks of 16 bytes")
	errForged = errors.New("ccm: message authentication failed")
)

// New returns CCM over a block cipher with blocks of 16 bytes. The nonce has
// nonceLen bytes, 7 to 13, and the tag tagLen bytes, 4 to 16 and even. A
// message has at most 2^(8*(15-nonceLen)) - 1 bytes. Seal panics on a longer
// message and on a nonce of another length, as the AEADs of the standard
// library do.
func New(block cipher.Block, nonceLen, tagLen int) (cipher.AEAD, error) {
	switch {
	case block.BlockSize() != blockSize:
		return nil, errBlock
	case nonceLen < 7 || nonceLen > 13:
		return nil, errNonce
	case tagLen < 4 || tagLen > 16 || tagLen%2 != 0:
		return nil, errTag
	}
	return &aead{block, nonceLen, tagLen}, nil
}

type aead struct {
	block            cipher.Block
	nonceLen, tagLen int
}

// NonceSize is the length of the nonce in bytes.
func (a *aead) NonceSize() int { return a.nonceLen }

// Overhead is the length of the tag in bytes.
func (a *aead) Overhead() int { return a.tagLen }

// Seal appends the ciphertext and its tag to dst. The plaintext must overlap
// the destination exactly or not at all.
func (a *aead) Seal(dst, nonce, plaintext, additional []byte) []byte {
	if !a.fits(nonce, len(plaintext)) {
		panic("ccm: a nonce of a wrong length, or a message that is too long")
	}
	tag := a.mac(nonce, plaintext, additional)
	start := len(dst)
	dst = slices.Grow(dst, len(plaintext)+a.tagLen)[:start+len(plaintext)+a.tagLen]
	a.crypt(nonce, dst[start:start+len(plaintext)], plaintext, &tag)
	copy(dst[start+len(plaintext):], tag[:a.tagLen])
	return dst
}

// Open appends the plaintext to dst. On an error it returns no part of the
// plaintext. The ciphertext must overlap the destination exactly or not at all.
func (a *aead) Open(dst, nonce, ciphertext, additional []byte) ([]byte, error) {
	n := len(ciphertext) - a.tagLen
	if n < 0 || !a.fits(nonce, n) {
		return nil, errForged
	}
	var got [blockSize]byte
	copy(got[:], ciphertext[n:])
	start := len(dst)
	dst = slices.Grow(dst, n)[:start+n]
	plain := dst[start:]
	a.crypt(nonce, plain, ciphertext[:n], &got)
	want := a.mac(nonce, plain, additional)
	if subtle.ConstantTimeCompare(got[:a.tagLen], want[:a.tagLen]) != 1 {
		clear(plain)
		return nil, errForged
	}
	return dst, nil
}

// fits reports whether the nonce and the length of the message are allowed.
func (a *aead) fits(nonce []byte, n int) bool {
	lengthBits := 8 * (blockSize - 1 - a.nonceLen)
	limit := uint64(math.MaxInt64)
	if lengthBits < 63 {
		limit = 1<<lengthBits - 1
	}
	return len(nonce) == a.nonceLen && uint64(n) <= limit
}

// crypt XORs src with the key stream, starting at its second block, into dst,
// and the first block into the tag. RFC 3610, Section 2.3.
func (a *aead) crypt(nonce, dst, src []byte, tag *[blockSize]byte) {
	var counter [blockSize]byte
	counter[0] = byte(blockSize - 2 - a.nonceLen)
	copy(counter[1:], nonce)
	stream := cipher.NewCTR(a.block, counter[:])
	stream.XORKeyStream(tag[:], tag[:])
	stream.XORKeyStream(dst, src)
}

// mac is the CBC-MAC over the first block, the additional data and the message.
// RFC 3610, Section 2.2.
func (a *aead) mac(nonce, message, additional []byte) [blockSize]byte {
	var x [blockSize]byte
	x[0] = byte((a.tagLen-2)/2<<3 | (blockSize - 2 - a.nonceLen))
	if len(additional) > 0 {
		x[0] |= 1 << 6
	}
	binary.BigEndian.PutUint64(x[8:], uint64(len(message)))
	copy(x[1:], nonce) // the nonce ends where the length begins
	a.block.Encrypt(x[:], x[:])
	if len(additional) > 0 {
		var first [blockSize]byte
		used := putLength(first[:], len(additional))
		n := copy(first[used:], additional)
		a.absorb(&x, first[:])
		a.absorb(&x, additional[n:])
	}
	a.absorb(&x, message)
	return x
}

// putLength encodes the length of the additional data and returns the number of
// bytes written.
func putLength(b []byte, n int) int {
	switch {
	case n < 1<<16-1<<8:
		binary.BigEndian.PutUint16(b, uint16(n))
		return 2
	case uint64(n) < 1<<32:
		binary.BigEndian.PutUint16(b, 0xfffe)
		binary.BigEndian.PutUint32(b[2:], uint32(n))
		return 6
	}
	binary.BigEndian.PutUint16(b, 0xffff)
	binary.BigEndian.PutUint64(b[2:], uint64(n))
	return 10
}

// absorb continues the MAC over data, padded with zeros to whole blocks.
func (a *aead) absorb(x *[blockSize]byte, data []byte) {
	for len(data) > 0 {
		n := subtle.XORBytes(x[:], x[:], data[:min(len(data), blockSize)])
		a.block.Encrypt(x[:], x[:])
		data = data[n:]
	}
}
