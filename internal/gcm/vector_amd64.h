// Registers, constants and steps that the assembly for AVX-512 shares.

// How a block is held. GHASH numbers the bits of a block from the left, so a
// block whose bytes are reversed is a 128-bit integer in which bit i stands
// for x^(127-i). Write y for 1/x; then that integer is the polynomial in y,
// times x^127, and the field's modulus reads y^128 + y^127 + y^126 + y^121 + 1.
//
// REDUCE divides a 256-bit product by y^128 (Montgomery's way: it clears the
// low 64 bits twice by adding a multiple of the modulus, whose low 64 bits
// are just 1). A product of two reversed blocks must be divided by y^127
// only, so the powers of H are kept multiplied by y, once, at set-up.
//
// The same goes on in all four 128-bit lanes of a ZMM register; the sum of
// the lanes is the hash.

// What the registers hold, in seal and open alike:
//
//	R8  state      CX  bytes left                    R12 nonce
//	DI  output     R9  additional data, then powers  R13 tag
//	SI  input      R10 its bytes left, then whether  R14 1 if the last byte is
//	DX  ciphertext     a sum comes before lengths        elsewhere, or 0
//	    to hash    R11 not zero for a long key       AX, BX, K4, K5 scratch
//
//	K1, K2   where NONCE has the nonce, and K3 where COUNTERS has the current 32 counters
//
//	Z0–Z7    eight times four counters, on their way through AES
//	Z8       the next four counters
//	Z9–Z12   blocks to hash, reversed, and scratch
//	Z13–Z15  low, middle and high part of a product
//	Z16      the hash so far, in the low lane; the other lanes are zero
//	Z17–Z31  the round keys, each in all four lanes

#define CTR Z8
#define LO Z13
#define MID Z14
#define HI Z15
#define HASH Z16

// MULTIPLY sets LO, MID, HI to the product of x and h, and spoils x and Z12.
#define MULTIPLY(h, x) \
	VMOVDQU64  h, Z12; \
	VPCLMULQDQ $0x00, Z12, x, LO; \
	VPCLMULQDQ $0x11, Z12, x, HI; \
	VPCLMULQDQ $0x01, Z12, x, MID; \
	VPCLMULQDQ $0x10, Z12, x, x; \
	VPXORQ     x, MID, MID

// MULTIPLY_ADD adds the product of x and h to LO, MID, HI, and spoils x, Z11 and Z12.
#define MULTIPLY_ADD(h, x) \
	VMOVDQU64  h, Z12; \
	VPCLMULQDQ $0x00, Z12, x, Z11; \
	VPXORQ     Z11, LO, LO; \
	VPCLMULQDQ $0x11, Z12, x, Z11; \
	VPXORQ     Z11, HI, HI; \
	VPCLMULQDQ $0x01, Z12, x, Z11; \
	VPCLMULQDQ $0x10, Z12, x, x; \
	VPTERNLOGQ $0x96, Z11, x, MID

// REDUCE leaves the product, reduced, in HI.
#define REDUCE \
	VPCLMULQDQ $0x10, ·modulus(SB), LO, Z9; \
	VPSHUFD    $0x4e, LO, LO; \
	VPTERNLOGQ $0x96, Z9, LO, MID; \
	VPCLMULQDQ $0x10, ·modulus(SB), MID, Z9; \
	VPSHUFD    $0x4e, MID, MID; \
	VPTERNLOGQ $0x96, Z9, MID, HI

// FOLD adds up the lanes of HI: the hash so far.
#define FOLD \
	VEXTRACTI64X4 $1, HI, Y9; \
	VPXOR         Y9, Y15, Y15; \
	VEXTRACTI128  $1, Y15, X9; \
	VPXORQ        X9, X15, X16

#define CLEAR_PRODUCT \
	VPXOR X13, X13, X13; \
	VPXOR X14, X14, X14; \
	VPXOR X15, X15, X15

// HALVES sets c to the sums of the halves of the blocks in a (low) and b (high), and spoils d.
// They are a factor of the middle part, by the way of Karatsuba.
#define HALVES(a, b, c, d) \
	VPUNPCKLQDQ b, a, c; \
	VPUNPCKHQDQ b, a, d; \
	VPXORQ      d, c, c

#define LOAD_KEY(i, z) VBROADCASTI32X4 (state_rounds+16*i)(R8), z

#define LOAD_KEYS \
	LOAD_KEY(0, Z17); \
	LOAD_KEY(1, Z18); \
	LOAD_KEY(2, Z19); \
	LOAD_KEY(3, Z20); \
	LOAD_KEY(4, Z21); \
	LOAD_KEY(5, Z22); \
	LOAD_KEY(6, Z23); \
	LOAD_KEY(7, Z24); \
	LOAD_KEY(8, Z25); \
	LOAD_KEY(9, Z26); \
	LOAD_KEY(10, Z27); \
	LOAD_KEY(11, Z28); \
	LOAD_KEY(12, Z29); \
	LOAD_KEY(13, Z30); \
	LOAD_KEY(14, Z31)

// ENCRYPT encrypts the four blocks of one register.
#define ENCRYPT(z, done) \
	VPXORQ  Z17, z, z; \
	VAESENC Z18, z, z; \
	VAESENC Z19, z, z; \
	VAESENC Z20, z, z; \
	VAESENC Z21, z, z; \
	VAESENC Z22, z, z; \
	VAESENC Z23, z, z; \
	VAESENC Z24, z, z; \
	VAESENC Z25, z, z; \
	VAESENC Z26, z, z; \
	TESTQ   R11, R11; \
	JZ      done; \
	VAESENC Z27, z, z; \
	VAESENC Z28, z, z; \
	VAESENC Z29, z, z; \
	VAESENC Z30, z, z; \
done: \
	VAESENCLAST Z31, z, z
