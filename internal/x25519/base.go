package x25519

import (
	"encoding/binary"

	fp "github.com/cloudflare/circl/math/fp25519"

	"github.com/sealsock/sealsock/internal/reuse"
)

// Multiples of the base point of edwards25519, in circl's field arithmetic, or in that of this
// package. A secret is 64
// digits of base 16, from -8 to 8. The table has the multiples of 256^i times the base point,
// so that the odd digits are added first, then the sum is multiplied by 16, and the even digits
// are added. Time and memory accesses do not depend on the secret: the formulas for sums are
// valid for all points, and a multiple is chosen by reading all of its row.

// A curvePoint has the extended coordinates of RFC 8032, Section 5.1.4.
type curvePoint struct{ x, y, z, t fp.Elt }

// An addend is a point as it is added to others: y+x, y-x and 2dxy of its affine coordinates.
type addend struct{ sum, diff, product fp.Elt }

// words are the numbers of an addend: four, little-endian, for each.
type words [12]uint64

// A baseRow has the multiples 1 to 8 of a point.
type baseRow [8]words

// add adds q to p: the addition of RFC 8032, Section 5.1.4, for a point with Z = 1.
func (p *curvePoint) add(q *addend) {
	var a, b, c, d fp.Elt
	fp.Sub(&a, &p.y, &p.x)
	fp.Add(&b, &p.y, &p.x)
	fp.Mul(&a, &a, &q.diff)
	fp.Mul(&b, &b, &q.sum)
	fp.Mul(&c, &p.t, &q.product)
	fp.Add(&d, &p.z, &p.z)
	fp.AddSub(&b, &a) // H and E
	fp.AddSub(&d, &c) // G and F
	fp.Mul(&p.x, &a, &c)
	fp.Mul(&p.y, &d, &b)
	fp.Mul(&p.z, &c, &d)
	fp.Mul(&p.t, &a, &b)
}

// double doubles p. RFC 8032, Section 5.1.4.
func (p *curvePoint) double() {
	var a, b, c, e fp.Elt
	fp.Add(&e, &p.x, &p.y)
	fp.Sqr(&e, &e)
	fp.Sqr(&a, &p.x)
	fp.Sqr(&b, &p.y)
	fp.Sqr(&c, &p.z)
	fp.Add(&c, &c, &c)
	fp.AddSub(&a, &b)  // H and G
	fp.Sub(&e, &a, &e) // E
	fp.Add(&c, &c, &b) // F
	fp.Mul(&p.x, &e, &c)
	fp.Mul(&p.y, &b, &a)
	fp.Mul(&p.z, &c, &b)
	fp.Mul(&p.t, &e, &a)
}

// curveNumbers returns the base point of edwards25519, whose y is 4/5 and whose x would take a
// square root, and 2d of the curve -x^2 + y^2 = 1 + dx^2y^2. RFC 7748, Section 4.1.
func curveNumbers() (base curvePoint, twice fp.Elt) {
	number := func(n uint32) (e fp.Elt) {
		binary.LittleEndian.PutUint32(e[:], n)
		return e
	}
	one, d, n := number(1), number(121666), number(121665)
	fp.Inv(&d, &d)
	fp.Mul(&d, &d, &n)
	fp.Neg(&d, &d)
	fp.Add(&twice, &d, &d)
	five, four := number(5), number(4)
	base.z = one
	fp.Inv(&base.y, &five)
	fp.Mul(&base.y, &base.y, &four)
	base.x = fp.Elt{
		0x1a, 0xd5, 0x25, 0x8f, 0x60, 0x2d, 0x56, 0xc9, 0xb2, 0xa7, 0x25, 0x95, 0x60, 0xc7, 0x2c, 0x69,
		0x5c, 0xdc, 0xd6, 0xfd, 0x31, 0xe2, 0xa4, 0xc0, 0xfe, 0x53, 0x6e, 0xcd, 0xd3, 0x36, 0x69, 0x21,
	}
	fp.Mul(&base.t, &base.x, &base.y)
	return base, twice
}

// baseTable has the table, which is computed when the first key is made.
var baseTable reuse.Once[[32]baseRow]

// makeBaseTable computes the table, in about a millisecond.
func makeBaseTable() *[32]baseRow {
	p, twice := curveNumbers()
	table := new([32]baseRow)
	for i := range table {
		multiple, first := p, p.addend(&twice)
		for j := range table[i] {
			q := multiple.addend(&twice)
			for k, e := range []*fp.Elt{&q.sum, &q.diff, &q.product} {
				fp.Modp(e) // the vector code needs numbers below 2^255
				for l := range 4 {
					table[i][j][4*k+l] = binary.LittleEndian.Uint64(e[8*l:])
				}
			}
			multiple.add(&first)
		}
		for range 8 {
			p.double()
		}
	}
	return table
}

// addend returns p as an addend, for 2d of the curve.
func (p *curvePoint) addend(twice *fp.Elt) (q addend) {
	var inverse, x, y fp.Elt
	fp.Inv(&inverse, &p.z)
	fp.Mul(&x, &p.x, &inverse)
	fp.Mul(&y, &p.y, &inverse)
	fp.Add(&q.sum, &y, &x)
	fp.Sub(&q.diff, &y, &x)
	fp.Mul(&q.product, &x, &y)
	fp.Mul(&q.product, &q.product, twice)
	return q
}

// choose sets q to a multiple from -8 to 8 of a row's point.
func (q *addend) choose(row *baseRow, digit int8) {
	sign := digit >> 7
	size := uint64(uint8((digit ^ sign) - sign))
	is := func(n uint64) uint64 { return -(((size ^ n) - 1) >> 63) } // all bits, or none
	m1, m2, m3, m4 := is(1), is(2), is(3), is(4)
	m5, m6, m7, m8 := is(5), is(6), is(7), is(8)
	var w words
	for k := range w {
		w[k] = row[0][k]&m1 | row[1][k]&m2 | row[2][k]&m3 | row[3][k]&m4 |
			row[4][k]&m5 | row[5][k]&m6 | row[6][k]&m7 | row[7][k]&m8
	}
	zero := is(0) & 1 // the neutral element has the sum 1 and the difference 1
	w[0] |= zero
	w[4] |= zero
	negative := uint64(int64(sign))
	for k := range 4 {
		other := (w[k] ^ w[4+k]) & negative // the sum and the difference change places
		binary.LittleEndian.PutUint64(q.sum[8*k:], w[k]^other)
		binary.LittleEndian.PutUint64(q.diff[8*k:], w[4+k]^other)
		binary.LittleEndian.PutUint64(q.product[8*k:], w[8+k])
	}
	var opposite fp.Elt
	fp.Neg(&opposite, &q.product)
	fp.Cmov(&q.product, &opposite, uint(negative&1))
}

// baseDigits sets digits to those of a secret, which it clamps: RFC 7748, Section 5.
func baseDigits(digits *[64]int8, secret *[32]byte) {
	for i, b := range secret {
		digits[2*i], digits[2*i+1] = int8(b&15), int8(b>>4)
	}
	digits[0] &= 8
	digits[63] = digits[63]&7 | 4
	var carry int8
	for i := range 63 {
		digits[i] += carry
		carry = (digits[i] + 8) >> 4
		digits[i] -= carry << 4
	}
	digits[63] += carry
}

// multiplyBase multiplies the base point by secret, which is clamped, and sets above and below to
// the u-coordinate as a fraction. The lower number is not zero: no clamped secret is a multiple of
// the order.
func multiplyBase(above, below *fp.Elt, secret *[32]byte) {
	var digits [64]int8
	baseDigits(&digits, secret)
	if accelerated {
		sumVector(below, above, &digits)
	} else {
		sumScalar(below, above, &digits)
	}
	fp.AddSub(above, below) // z+y and z-y
	clear(digits[:])
}

// sumScalar adds up the multiples and sets y and z to these coordinates of the sum.
func sumScalar(y, z *fp.Elt, digits *[64]int8) {
	table := baseTable.Get(makeBaseTable)
	var p curvePoint
	var q addend
	fp.SetOne(&p.y) // the neutral element
	fp.SetOne(&p.z)
	for i := 1; i < 64; i += 2 {
		q.choose(&table[i/2], digits[i])
		p.add(&q)
	}
	for range 4 {
		p.double()
	}
	for i := 0; i < 64; i += 2 {
		q.choose(&table[i/2], digits[i])
		p.add(&q)
	}
	*y, *z = p.y, p.z
	p, q = curvePoint{}, addend{}
}
