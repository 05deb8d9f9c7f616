// Registers and steps of the variant for AVX2 with VAES and VPCLMULQDQ, which has half the
// width and half the registers of the other. vector_amd64.h says how a block is held.
//
//	R8  state      CX  input bytes left           R12 nonce
//	DI  output     R9  additional data, then the  R13 tag
//	SI  input          power for the next block   AX, BX, DX scratch
//	               R10 bytes of additional data left
//	               R11 not zero for a long key
//
//	Y0–Y3    four times two counters, on their way through AES
//	Y4       the next two counters      Y5, Y15  scratch, round keys
//	Y6       reversal
//	Y7       the hash so far, in the low lane; the high lane is zero
//	Y8–Y11   eight blocks to hash, reversed
//	Y12–Y14  low, middle and high part of a product

#define KEY(i) (state_rounds+16*i)(R8)

// MULTIPLY_ADD adds the product of x and the two powers at h to the parts, and spoils x.
// The middle part lacks the other two, which REDUCE subtracts. (A. Karatsuba)
#define MULTIPLY_ADD(h, x) \
	VMOVDQU    h, Y15; \
	VPCLMULQDQ $0x00, Y15, x, Y5; \
	VPXOR      Y5, Y12, Y12; \
	VPCLMULQDQ $0x11, Y15, x, Y5; \
	VPXOR      Y5, Y14, Y14; \
	VPSHUFD    $0x4e, x, Y5; \
	VPXOR      Y5, x, x; \
	VPSHUFD    $0x4e, Y15, Y5; \
	VPXOR      Y5, Y15, Y15; \
	VPCLMULQDQ $0x00, Y15, x, x; \
	VPXOR      x, Y13, Y13

// MULTIPLY_ADD_ONE does the same with one block and one power.
#define MULTIPLY_ADD_ONE(h, x) \
	VMOVDQU    h, X15; \
	VPCLMULQDQ $0x00, X15, x, X5; \
	VPXOR      Y5, Y12, Y12; \
	VPCLMULQDQ $0x11, X15, x, X5; \
	VPXOR      Y5, Y14, Y14; \
	VPSHUFD    $0x4e, x, X5; \
	VPXOR      X5, x, x; \
	VPSHUFD    $0x4e, X15, X5; \
	VPXOR      X5, X15, X15; \
	VPCLMULQDQ $0x00, X15, x, X5; \
	VPXOR      Y5, Y13, Y13

#define CLEAR_PRODUCT \
	VPXOR X12, X12, X12; \
	VPXOR X13, X13, X13; \
	VPXOR X14, X14, X14

// REDUCE leaves the product, reduced, in Y14.
#define REDUCE \
	VPXOR      Y12, Y13, Y13; \
	VPXOR      Y14, Y13, Y13; \
	VPCLMULQDQ $0x10, ·modulus(SB), Y12, Y5; \
	VPSHUFD    $0x4e, Y12, Y12; \
	VPXOR      Y5, Y13, Y13; \
	VPXOR      Y12, Y13, Y13; \
	VPCLMULQDQ $0x10, ·modulus(SB), Y13, Y5; \
	VPSHUFD    $0x4e, Y13, Y13; \
	VPXOR      Y5, Y14, Y14; \
	VPXOR      Y13, Y14, Y14

// FOLD adds up the lanes of Y14: the hash so far.
#define FOLD \
	VEXTRACTI128 $1, Y14, X15; \
	VPXOR        X15, X14, X7

// ENCRYPT_ONE encrypts one block.
#define ENCRYPT_ONE(x, done) \
	VPXOR   KEY(0), x, x; \
	VAESENC KEY(1), x, x; \
	VAESENC KEY(2), x, x; \
	VAESENC KEY(3), x, x; \
	VAESENC KEY(4), x, x; \
	VAESENC KEY(5), x, x; \
	VAESENC KEY(6), x, x; \
	VAESENC KEY(7), x, x; \
	VAESENC KEY(8), x, x; \
	VAESENC KEY(9), x, x; \
	TESTQ   R11, R11; \
	JZ      done; \
	VAESENC KEY(10), x, x; \
	VAESENC KEY(11), x, x; \
	VAESENC KEY(12), x, x; \
	VAESENC KEY(13), x, x; \
done: \
	VAESENCLAST KEY(14), x, x

#define ROUND(i) \
	VBROADCASTI128 KEY(i), Y5; \
	VAESENC        Y5, Y0, Y0; \
	VAESENC        Y5, Y1, Y1; \
	VAESENC        Y5, Y2, Y2; \
	VAESENC        Y5, Y3, Y3

#define COUNTERS \
	VBROADCASTI128 KEY(0), Y5; \
	VPSHUFB        Y6, Y4, Y0; \
	VPADDD         ·twice(SB), Y4, Y4; \
	VPSHUFB        Y6, Y4, Y1; \
	VPADDD         ·twice(SB), Y4, Y4; \
	VPSHUFB        Y6, Y4, Y2; \
	VPADDD         ·twice(SB), Y4, Y4; \
	VPSHUFB        Y6, Y4, Y3; \
	VPADDD         ·twice(SB), Y4, Y4; \
	VPXOR          Y5, Y0, Y0; \
	VPXOR          Y5, Y1, Y1; \
	VPXOR          Y5, Y2, Y2; \
	VPXOR          Y5, Y3, Y3

// MORE_ROUNDS are the four that only the longer key has.
#define MORE_ROUNDS(done) \
	TESTQ R11, R11; \
	JZ    done; \
	ROUND(10); \
	ROUND(11); \
	ROUND(12); \
	ROUND(13); \
done:

// PLAIN_ROUNDS takes eight counters up to the last round of AES.
#define PLAIN_ROUNDS(done) \
	COUNTERS; \
	ROUND(1); \
	ROUND(2); \
	ROUND(3); \
	ROUND(4); \
	ROUND(5); \
	ROUND(6); \
	ROUND(7); \
	ROUND(8); \
	ROUND(9); \
	MORE_ROUNDS(done)

// STITCHED_ROUNDS does the same and hashes the eight blocks in Y8–Y11 meanwhile. The hash
// so far joins late because it is ready late.
#define STITCHED_ROUNDS(done) \
	COUNTERS; \
	CLEAR_PRODUCT; \
	ROUND(1); \
	ROUND(2); \
	MULTIPLY_ADD((state_powers+160)(R8), Y9); \
	ROUND(3); \
	ROUND(4); \
	MULTIPLY_ADD((state_powers+192)(R8), Y10); \
	ROUND(5); \
	MULTIPLY_ADD((state_powers+224)(R8), Y11); \
	ROUND(6); \
	VPXOR Y7, Y8, Y8; \
	ROUND(7); \
	MULTIPLY_ADD((state_powers+128)(R8), Y8); \
	ROUND(8); \
	REDUCE; \
	ROUND(9); \
	FOLD; \
	MORE_ROUNDS(done)

// HASH_EIGHT hashes the blocks in Y8–Y11 with nothing to do meanwhile.
#define HASH_EIGHT \
	VPXOR Y7, Y8, Y8; \
	CLEAR_PRODUCT; \
	MULTIPLY_ADD((state_powers+128)(R8), Y8); \
	MULTIPLY_ADD((state_powers+160)(R8), Y9); \
	MULTIPLY_ADD((state_powers+192)(R8), Y10); \
	MULTIPLY_ADD((state_powers+224)(R8), Y11); \
	REDUCE; \
	FOLD

// LAST_ROUND adds the input to the last round key in Y5, so that the round itself turns
// counters into output.
#define LAST_ROUND(off, y) \
	VPXOR       off(SI), Y5, Y15; \
	VAESENCLAST Y15, y, y

// OUTPUT finishes the eight blocks, stores them and advances.
#define OUTPUT \
	VBROADCASTI128 KEY(14), Y5; \
	LAST_ROUND(0, Y0); \
	LAST_ROUND(32, Y1); \
	LAST_ROUND(64, Y2); \
	LAST_ROUND(96, Y3); \
	VMOVDQU Y0, (DI); \
	VMOVDQU Y1, 32(DI); \
	VMOVDQU Y2, 64(DI); \
	VMOVDQU Y3, 96(DI); \
	SUBQ    $-128, SI; \
	SUBQ    $-128, DI; \
	ADDQ    $-128, CX

// REVERSED takes eight blocks of ciphertext to Y8–Y11 for the hash.
#define REVERSED(a, b, c, d) \
	VPSHUFB Y6, a, Y8; \
	VPSHUFB Y6, b, Y9; \
	VPSHUFB Y6, c, Y10; \
	VPSHUFB Y6, d, Y11

// COPY_SHORT copies AX bytes, fewer than 16, and no more, with BX and DX as scratch.
#define COPY_SHORT(from, to, bytes, next, done) \
	XORQ  DX, DX; \
	TESTQ $8, AX; \
	JZ    bytes; \
	MOVQ  from, BX; \
	MOVQ  BX, to; \
	MOVQ  $8, DX; \
bytes: \
	CMPQ DX, AX; \
	JEQ  done; \
next: \
	MOVB from(DX*1), BX; \
	MOVB BX, to(DX*1); \
	INCQ DX; \
	CMPQ DX, AX; \
	JNE  next; \
done:
