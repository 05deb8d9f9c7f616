//go:build !purego && !circlx25519

package x25519

import (
	"crypto/fips140"
	"encoding/binary"

	fp "github.com/cloudflare/circl/math/fp25519"
	"golang.org/x/sys/cpu"
)

// accelerated is whether this processor has what the assembly needs. golang.org/x/sys/cpu has
// seen that the operating system saves the registers.
var accelerated = !fips140.Enabled() && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL &&
	cpu.X86.HasAVX512IFMA

// A vector is four numbers modulo p = 2^255 - 19: limb i of number j is [i][j] and worth 2^51i.
type vector [5][4]uint64

const limb = 1<<51 - 1

// set sets number j to the little-endian number b without its top bit. RFC 7748, Section 5:
// "implementations of X25519 (but not X448) MUST mask the most significant bit".
func (v *vector) set(j int, b *[32]byte) {
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }
	v[0][j] = word(0) & limb
	v[1][j] = word(6) >> 3 & limb
	v[2][j] = word(12) >> 6 & limb
	v[3][j] = word(19) >> 1 & limb
	v[4][j] = word(24) >> 12 & limb
}

// number sets e to number j, whose limbs are below 2^60, as a number below 2^256.
func (v *vector) number(e *fp.Elt, j int) {
	var l [5]uint64
	var carry uint64
	for i := range v {
		n := v[i][j] + carry
		l[i], carry = n&limb, n>>51
	}
	carry *= 19
	for i := range 4 {
		n := l[i] + carry
		l[i], carry = n&limb, n>>51
	}
	l[4] += carry // at most 2^51
	binary.LittleEndian.PutUint64(e[0:], l[0]|l[1]<<51)
	binary.LittleEndian.PutUint64(e[8:], l[1]>>13|l[2]<<38)
	binary.LittleEndian.PutUint64(e[16:], l[2]>>26|l[3]<<25)
	binary.LittleEndian.PutUint64(e[24:], l[3]>>39|l[4]<<12)
	clear(l[:])
}

// multiplyPoint sets above and below to the X25519 function of secret and point as a fraction.
// RFC 7748, Section 5. Results that are returned would leave copies on the stack.
func multiplyPoint(above, below *fp.Elt, secret, point *[32]byte) {
	var scalar [4]uint64
	for i := range scalar {
		scalar[i] = binary.LittleEndian.Uint64(secret[8*i:])
	}
	scalar[0] &^= 7
	scalar[3] = scalar[3]&^(1<<63) | 1<<62
	var factors, points vector
	factors[0][2] = 1
	factors.set(3, point)
	points[0][0] = 1 // (1 : 0) and (point : 1)
	points.set(2, point)
	points[0][3] = 1
	ladder(&points, &scalar, &factors)
	points.number(above, 0)
	points.number(below, 1)
	clear(scalar[:])
	clear(points[:])
}

// ladder takes the steps of the Montgomery ladder for the bits 254 to 0 of scalar, of which
// bit 0 is zero. points has the coordinates x2, z2, x3 and z3 of RFC 7748, Section 5, before and
// after, with limbs below 125·2^52 before, and factors has 1 as number 2 and x1 as number 3.
//
//go:noescape
func ladder(points *vector, scalar *[4]uint64, factors *vector)

// multiply sets c to the products of a and b, whose limbs are below 2^51 + 2^14. Those of c are
// below 125·2^52. The tests use it.
//
//lint:ignore U1000 see above
//go:noescape
func multiply(c, a, b *vector)

// carry makes limbs below 2^60 ones below 2^51 + 2^14. The tests use it.
//
//lint:ignore U1000 see above
//go:noescape
func carry(c *vector)

// registers returns the vector registers. The tests use it.
//
//lint:ignore U1000 see above
//go:noescape
func registers(all *[32][4]uint64)
