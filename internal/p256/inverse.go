//go:build !standardp256

package p256

import "math/bits"

// inverse sets z to 1/x modulo n, both outside of the Montgomery domain, and to 0 if x is 0
// modulo n. Its time depends on x.
//
// It is the binary algorithm of Kaliski ("The Montgomery inverse and its applications", 1995).
// With x below n, these hold before and after each step:
//
//	n = u s + v r    x r = -u 2^k mod n    x s = v 2^k mod n
//
// All numbers stay below 2^256. At the end u and v are 1, because n is prime, and s is 2^k/x,
// with k from 1 to 511.
func (z *scalar) inverse(x *scalar) {
	u, v, r, s := order, *x, scalar{}, scalar{1}
	v.reduce(0)
	if v.zero() {
		*z = scalar{}
		return
	}
	k := v.halve(&r)
	for u != v {
		if u.less(&v) {
			v.subtract(&u)
			s.plus(&r)
			k += v.halve(&r)
		} else {
			u.subtract(&v)
			r.plus(&s)
			k += u.halve(&s)
		}
	}
	if k > 256 {
		s.plain(&s) // divides by 2^256
		k -= 256
	}
	z.mul(&s, powerOf2(256-k))
}

// powerOf2 returns 2^k, with k below 256.
func powerOf2(k int) *scalar {
	var z scalar
	z[k/64] = 1 << (k % 64)
	return &z
}

// halve divides z, which is not 0, by 2 until it is odd, and doubles y as often. It returns
// how often that is.
func (z *scalar) halve(y *scalar) (k int) {
	for z[0]&1 == 0 {
		n := min(bits.TrailingZeros64(z[0]), 63)
		z[0] = z[0]>>n | z[1]<<(64-n)
		z[1] = z[1]>>n | z[2]<<(64-n)
		z[2] = z[2]>>n | z[3]<<(64-n)
		z[3] >>= n
		y[3] = y[3]<<n | y[2]>>(64-n)
		y[2] = y[2]<<n | y[1]>>(64-n)
		y[1] = y[1]<<n | y[0]>>(64-n)
		y[0] <<= n
		k += n
	}
	return k
}

// less reports whether z is below x.
func (z *scalar) less(x *scalar) bool {
	var borrow uint64
	for i := range z {
		_, borrow = bits.Sub64(z[i], x[i], borrow)
	}
	return borrow == 1
}

// subtract sets z to z - x, which is not negative.
func (z *scalar) subtract(x *scalar) {
	var borrow uint64
	for i := range z {
		z[i], borrow = bits.Sub64(z[i], x[i], borrow)
	}
}

// plus sets z to z + x, which is below 2^256.
func (z *scalar) plus(x *scalar) {
	var carry uint64
	for i := range z {
		z[i], carry = bits.Add64(z[i], x[i], carry)
	}
}
