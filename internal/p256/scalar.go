//go:build !standardp256

package p256

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

// A scalar is a number below the order of the curve, four words, the least significant
// first. Where a comment has it so, it is in the Montgomery domain: multiplied by 2^256.
type scalar [4]uint64

// order is n, the order of the curve. FIPS 186-5 and SP 800-186, Section 3.2.1.3.
var order = scalar{0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000}

// orderInverse is -n^-1 modulo 2^64.
const orderInverse = 0xccd1c8aaee00bc4f

// The powers 2^512 and 2^768 modulo n, which bring numbers into the Montgomery domain.
var square, cube = power(512), power(768)

var bigOrder = new(big.Int).SetBytes(order.bytes())

func power(n uint) scalar {
	p := new(big.Int).Lsh(big.NewInt(1), n)
	var out scalar
	out.set((*[32]byte)(p.Mod(p, bigOrder).FillBytes(make([]byte, 32))))
	return out
}

// set reads 32 bytes, the most significant first. The number may be n or more.
func (z *scalar) set(b *[32]byte) {
	for i := range z {
		z[i] = binary.BigEndian.Uint64(b[24-8*i:])
	}
}

func (z *scalar) bytes() []byte {
	var b [32]byte
	z.put(&b)
	return b[:]
}

func (z *scalar) put(b *[32]byte) {
	for i, w := range z {
		binary.BigEndian.PutUint64(b[24-8*i:], w)
	}
}

// zero reports whether z is 0.
func (z *scalar) zero() bool { return z[0]|z[1]|z[2]|z[3] == 0 }

// mul sets z to x y / 2^256 modulo n. One of x and y may be n or more.
func (z *scalar) mul(x, y *scalar) {
	var t0, t1, t2, t3, t4 uint64
	for _, w := range y {
		var c, over uint64
		c, t0 = step(x[0], w, t0, 0)
		c, t1 = step(x[1], w, t1, c)
		c, t2 = step(x[2], w, t2, c)
		c, t3 = step(x[3], w, t3, c)
		t4, over = bits.Add64(t4, c, 0)
		m := t0 * orderInverse
		c, _ = step(m, order[0], t0, 0)
		c, t0 = step(m, order[1], t1, c)
		c, t1 = step(m, order[2], t2, c)
		c, t2 = step(m, order[3], t3, c)
		t3, c = bits.Add64(t4, c, 0)
		t4 = over + c
	}
	*z = scalar{t0, t1, t2, t3}
	z.reduce(t4)
}

// step returns a b + t + c in two words.
func step(a, b, t, c uint64) (high, low uint64) {
	high, low = bits.Mul64(a, b)
	low, carry := bits.Add64(low, t, 0)
	high += carry
	low, carry = bits.Add64(low, c, 0)
	return high + carry, low
}

// reduce subtracts n once from the number whose fifth word is high, if it is n or more.
func (z *scalar) reduce(high uint64) {
	var d scalar
	var borrow uint64
	for i := range d {
		d[i], borrow = bits.Sub64(z[i], order[i], borrow)
	}
	_, borrow = bits.Sub64(high, 0, borrow)
	keep := -borrow // all ones if the number is below n
	for i := range z {
		z[i] = z[i]&keep | d[i]&^keep
	}
}

// add sets z to x + y modulo n.
func (z *scalar) add(x, y *scalar) {
	var carry uint64
	for i := range z {
		z[i], carry = bits.Add64(x[i], y[i], carry)
	}
	z.reduce(carry)
}

// setWide sets z to a number of 64 bytes modulo n, in the Montgomery domain.
func (z *scalar) setWide(b *[64]byte) {
	var high, low scalar
	high.set((*[32]byte)(b[:32]))
	low.set((*[32]byte)(b[32:]))
	high.mul(&high, &cube)
	low.mul(&low, &square)
	z.add(&high, &low)
}

// plain sets z to x, which is in the Montgomery domain, outside of it.
func (z *scalar) plain(x *scalar) { z.mul(x, &scalar{1}) }

// montgomery sets z to x in the Montgomery domain.
func (z *scalar) montgomery(x *scalar) { z.mul(x, &square) }
