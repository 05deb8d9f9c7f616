//go:build !standardp256

package p256

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"math/big"

	"filippo.io/nistec"

	"github.com/sealsock/sealsock/internal/reuse"
)

// Verify reports whether signature is valid, as [ecdsa.VerifyASN1] does, for a key on any
// curve. For the third signature of a key on P-256 it computes a table, with which the next
// ones take less than half of the time.
func Verify(key *ecdsa.PublicKey, digest, signature []byte) bool {
	if !enabled() || key.Curve != elliptic.P256() || len(digest) == 0 {
		return ecdsa.VerifyASN1(key, digest, signature)
	}
	return verify(&tables, key, digest, signature)
}

// tables has those of the keys in use: 800 KB at most.
var tables reuse.Recent[affine, multiples]

// verify checks a signature. FIPS 186-5, Section 6.4.2:
//
//	w = 1/s modulo n    R = (e w) G + (r w) Q
//	r = x-coordinate of R modulo n
//
// Nothing here is secret, and its time depends on all of it.
func verify(
	tables *reuse.Recent[affine, multiples], key *ecdsa.PublicKey, digest, signature []byte,
) bool {
	r, s, ok := decode(signature)
	if !ok {
		return false
	}
	at, ok := affineOf(key)
	if !ok {
		return false
	}
	var e, w scalar
	e.setDigest(digest)
	w.inverse(&s)
	w.montgomery(&w)
	e.mul(&e, &w)
	w.mul(&r, &w)
	table := tables.Get(at.hash(), at)
	total, ok := combine(&at, table, &e, &w)
	if !ok || total != r {
		return false
	}
	if tables.Used(at.hash(), at) && table == nil {
		if q, err := at.point(); err == nil {
			tables.Put(at.hash(), at, newMultiples(q))
		}
	}
	return true
}

// combine returns the x-coordinate of a G + b Q modulo n. The key Q has a table, or none. It
// is not ok if Q is not on the curve, or if the sum is the point at infinity.
func combine(at *affine, table *multiples, a, b *scalar) (x scalar, ok bool) {
	var buf [32]byte
	a.put(&buf)
	left, err := nistec.NewP256Point().ScalarBaseMult(buf[:])
	if err != nil {
		return x, false
	}
	right := nistec.NewP256Point()
	if table != nil {
		table.multiply(right, b)
	} else {
		q, err := at.point()
		if err != nil {
			return x, false
		}
		b.put(&buf)
		if _, err := right.ScalarMult(q, buf[:]); err != nil {
			return x, false
		}
	}
	coordinate, err := left.Add(left, right).BytesX()
	if err != nil {
		return x, false
	}
	x.set((*[32]byte)(coordinate))
	x.reduce(0)
	return x, true
}

// An affine is the two coordinates of a key.
type affine [64]byte

// affineOf returns the coordinates of a key. They may be of no point. The fields are only
// read, which [ecdsa.PublicKey.Bytes] does too, with five allocations.
func affineOf(key *ecdsa.PublicKey) (at affine, ok bool) {
	//lint:ignore SA1019 see above
	for i, c := range []*big.Int{key.X, key.Y} {
		if c == nil || c.Sign() < 0 || c.BitLen() > 256 {
			return at, false
		}
		c.FillBytes(at[32*i : 32*i+32])
	}
	return at, true
}

// point returns the point, or an error if it is not on the curve.
func (at *affine) point() (*nistec.P256Point, error) {
	var b [65]byte
	b[0] = 4 // uncompressed: SEC 1, Section 2.3.3
	copy(b[1:], at[:])
	return nistec.NewP256Point().SetBytes(b[:])
}

// hash selects the place of a key in a table. Who makes a key may choose it.
func (at *affine) hash() uint32 { return uint32(at[30])<<8 | uint32(at[31]) }

// decode reads the DER of encode and accepts nothing else. The numbers are from 1 to n-1.
func decode(der []byte) (r, s scalar, ok bool) {
	if len(der) < 2 || der[0] != 0x30 || int(der[1]) != len(der)-2 || der[1] >= 0x80 {
		return r, s, false
	}
	rest := der[2:]
	for _, z := range []*scalar{&r, &s} {
		if rest, ok = z.decode(rest); !ok {
			return r, s, false
		}
	}
	return r, s, len(rest) == 0
}

// decode reads one INTEGER and returns what is behind it.
func (z *scalar) decode(der []byte) (rest []byte, ok bool) {
	if len(der) < 2 || der[0] != 2 || int(der[1]) > len(der)-2 {
		return nil, false
	}
	number, rest := der[2:2+int(der[1])], der[2+int(der[1]):]
	if len(number) == 0 || number[0] >= 0x80 {
		return nil, false // empty or negative
	}
	if number[0] == 0 && len(number) > 1 {
		if number[1] < 0x80 {
			return nil, false // not the shortest form
		}
		number = number[1:]
	}
	if len(number) > 32 {
		return nil, false
	}
	var b [32]byte
	copy(b[32-len(number):], number)
	z.set(&b)
	return rest, !z.zero() && z.less(&order)
}
