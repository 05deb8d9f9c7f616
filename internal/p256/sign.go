//go:build !standardp256

package p256

import (
	"crypto/ecdsa"
	"crypto/sha512"
	"errors"
	"io"

	"filippo.io/nistec"
)

// Sign signs a digest as [ecdsa.SignASN1] does, with a key on P-256. It reads 32 bytes of
// random.
func Sign(random io.Reader, key *ecdsa.PrivateKey, digest []byte) ([]byte, error) {
	if !enabled() {
		return ecdsa.SignASN1(random, key, digest)
	}
	shared, err := key.Bytes() // which belongs to a cache of crypto/ecdsa
	if err != nil {
		return nil, err
	}
	if len(shared) != 32 {
		return nil, errors.New("p256: the key is on another curve")
	}
	secret := [32]byte(shared)
	defer clear(secret[:])
	var seed [128 + sha512.Size]byte
	defer clear(seed[:])
	if _, err := io.ReadFull(random, seed[64:96]); err != nil {
		return nil, err
	}
	copy(seed[:32], "sealsock P-256 nonce")
	copy(seed[32:64], secret[:])
	n := 128 + copy(seed[128:], digest)
	for {
		nonce := hash(seed[:n], 1)
		blind := hash(seed[:n], 2)
		if signature, ok := sign(&secret, &nonce, &blind, digest); ok {
			return signature, nil
		}
		seed[127]++ // the chance is negligible
	}
}

// hash returns a number for one purpose. What an attacker may choose, the digest, is in
// another block than the key, behind the random bytes.
func hash(seed []byte, purpose byte) (z scalar) {
	seed[126] = purpose
	wide := sha512.Sum512(seed)
	z.setWide(&wide)
	clear(wide[:])
	return z
}

// sign makes a signature. nonce and blind are in the Montgomery domain. It is not ok if one
// of the numbers is 0. FIPS 186-5, Section 6.4.1:
//
//	r = x-coordinate of k G modulo n
//	s = (e + r d) / k modulo n
func sign(secret *[32]byte, nonce, blind *scalar, digest []byte) (signature []byte, ok bool) {
	var d, k, e, r, s, inverse scalar
	k.plain(nonce)
	if k.zero() || blind.zero() {
		return nil, false
	}
	var buf [32]byte
	k.put(&buf)
	point, err := nistec.NewP256Point().ScalarBaseMult(buf[:])
	if err != nil {
		return nil, false
	}
	x, err := point.BytesX()
	if err != nil {
		return nil, false
	}
	r.set((*[32]byte)(x))
	r.reduce(0)

	// 1/k = b / (b k), where b is random, so that the inverse reveals nothing about k.
	inverse.mul(&k, blind)
	inverse.inverse(&inverse)
	inverse.mul(&inverse, blind)

	e.setDigest(digest)
	d.set(secret)
	d.montgomery(&d)
	s.mul(&r, &d)
	s.add(&s, &e)
	s.montgomery(&s)
	s.mul(&s, &inverse)
	if r.zero() || s.zero() {
		return nil, false
	}
	return encode(&r, &s), true
}

// setDigest sets z to the first 256 bits of a digest, modulo n. FIPS 186-5, Section 6.4.1.
func (z *scalar) setDigest(digest []byte) {
	var buf [32]byte
	copy(buf[max(0, 32-len(digest)):], digest)
	z.set(&buf)
	z.reduce(0)
}

// encode writes a signature in DER.
//
//	SEQUENCE { r INTEGER, s INTEGER }
func encode(r, s *scalar) []byte {
	out := make([]byte, 2, 2+2*(2+1+32))
	for _, z := range []*scalar{r, s} {
		var b [33]byte // with a zero in front: the number is positive
		z.put((*[32]byte)(b[1:]))
		i := 0
		for i < 32 && b[i] == 0 && b[i+1] < 0x80 {
			i++
		}
		out = append(out, 2, byte(33-i))
		out = append(out, b[i:]...)
	}
	out[0], out[1] = 0x30, byte(len(out)-2)
	return out
}
