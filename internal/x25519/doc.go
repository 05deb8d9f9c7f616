// Package x25519 is the Diffie-Hellman function X25519 of RFC 7748, at the speed that the vector
// instructions of current x86-64 processors allow.
//
// # Why it exists
//
// A resumed handshake computes a public key and a shared secret at each end, and does little else
// that takes long. Processors with AVX-512 IFMA multiply four numbers of 52 bits with one
// instruction. On an AMD Zen 4 a shared secret takes 0.42 of the time of
// github.com/cloudflare/circl, whose arithmetic is for the scalar instructions, and a public key
// half of that of the same table with circl's arithmetic. It was not measured on a processor of
// Intel. No Go library made use of these instructions when this was written.
//
// # What it relies on
//
// The assembly runs only if the processor and the operating system have AVX-512 F, VL and IFMA.
// Anywhere else, and in a program that runs in FIPS 140 mode, [Shared] is circl's, and [Public]
// has circl's arithmetic. To have that everywhere, build with
//
//	go build -tags circlx25519
//
// or run with GODEBUG=cpu.avx512ifma=off, of which the Go runtime prints that it does not know the
// feature. The tag purego does it too.
//
// The inverse at the end is circl's on all processors: it is a chain of squares of one number,
// which the scalar instructions compute as fast. A server needs a public key and a shared secret at
// the same time: [Exchange] has one inverse for both.
//
// Time and memory accesses do not depend on the secret or on the point. The assembly branches on
// the number of the step alone, and reads a word of the scalar or a digit by that number. A bit of
// the scalar becomes an operand of VPERMQ, which takes the lanes of the one point or the other: its
// time does not depend on operands, nor does that of the other instructions here. A multiple is
// chosen by reading all of its row, without masks: what a load reads behind a mask may depend on
// the mask. No register and no memory of this package holds a secret afterwards. What is not
// cleared is the stack of circl's functions and, without the vector code, that of the sums.
//
// # How it works
//
// A number modulo p = 2^255 - 19 has five limbs, which are worth 2^0, 2^51, … 2^204. A register
// has the same limb of four numbers. One step of the Montgomery ladder (RFC 7748, Section 5)
// multiplies three times four numbers, and has the values of the RFC in these lanes:
//
//	                lane 0      lane 1          lane 2          lane 3
//	sums            A = x2+z2   B = x2-z2       C = x3+z3       D = x3-z3
//	first factors   A           B               A               B
//	second factors  A           B               D               C
//	products        AA          BB              DA              CB
//	first factors   AA          E = AA-BB       DA+CB           DA-CB
//	second factors  0           a24             DA+CB           DA-CB
//	products        0           a24·E           (DA+CB)^2       (DA-CB)^2
//	first factors   AA          E               (DA+CB)^2       (DA-CB)^2
//	second factors  BB          AA + a24·E      1               x1
//	products        x2          z2              x3              z3
//
// The order of steps of four lanes is that of Hisil, Egrice and Yassi, "Fast 4 way vectorized
// ladder for the complete set of Montgomery curves", with the product AA·BB in the last third, so
// that one carry in each third is enough. The swap of the RFC is a choice of lanes of the sums.
//
// A public key is a sum of multiples of the base point of edwards25519, from a table that base.go
// explains. An addition (RFC 8032, Section 5.1.4) multiplies twice four numbers. A point has y, x,
// z and t in its lanes, and an addend the numbers of the second line:
//
//	first factors   y1+x1       y1-x1           z1              t1
//	second factors  y2+x2       y2-x2           2·z2            2d·t2
//	products        B           A               D               C
//	sums            H = B+A     E = B-A         G = D+C         F = D-C
//	products        y = G·H     x = E·F         z = F·G         t = E·H
//
// The opposite of an addend has other signs of x2 and t2: its lanes 0 and 1 change places, and so
// do G and F.
//
// # Bounds
//
// VPMADD52LUQ and VPMADD52HUQ take the low 52 bits of two operands and add the low or the high 52
// bits of their product to a sum of 64 bits. Factors have limbs below L = 2^51 + 2^14, so that a
// low half is below 2^52 and a high half below L^2/2^52 < 2^50 + 2^15. The high half is worth 2^52
// where the next limb is worth 2^51, so it counts twice. Column k has the low halves of the
// products of limbs i and j with i+j = k, and the high halves of those with i+j = k-1. The columns
// 5 to 9 are worth 2^255 times the columns 0 to 4, and 2^255 = 19 modulo p. The greatest sum is
// that of column 0, with 19 times column 5:
//
//	2^52 + 19·(4·2^52 + 5·2·(2^50 + 2^15)) < 125·2^52
//
// A difference adds 256p to what is subtracted, whose limbs are at least 128·2^52 - 4864. So no
// limb of a difference is negative, and sums and differences are below 2^60. The carry adds what is
// above 51 bits of a limb, less than 2^9, to the next one, or 19 times to the first one, and leaves
// less than 2^51 + 19·2^9 < L.
//
// # How it is proved
//
//   - The vectors of RFC 7748, with its iterations: 1,000, and 1,000,000 without -short.
//   - Wycheproof's vectors, which have points of low order, on the twist and not reduced, and
//     intermediate results at the limits.
//   - Comparison with crypto/ecdh for random scalars and points and those at the limits, and a fuzz
//     target.
//   - Products, carries, the ladder, additions and doublings compared with math/big, with limbs at
//     the bounds above, and the bounds of the results.
//   - Public keys compared with crypto/ecdh and with circl's ladder: every digit alone, digits at
//     the ends of their range, and random ones.
//   - All vector registers but those with constants are zero after a call, and the stack has
//     neither the digits of a secret nor what comes before the inverse.
package x25519
