//go:build amd64 && !purego && !standardgcm

#include "go_asm.h"
#include "textflag.h"
#include "vector_amd64.h"

// LOAD_ARGUMENTS also takes a last byte that is elsewhere off what is at SI and DI.
#define LOAD_ARGUMENTS \
	MOVQ  s+0(FP), R8; \
	MOVQ  dst+8(FP), DI; \
	MOVQ  src+16(FP), SI; \
	MOVQ  n+24(FP), CX; \
	MOVQ  aad+32(FP), R9; \
	MOVQ  aadLen+40(FP), R10; \
	MOVQ  nonce+48(FP), R12; \
	MOVQ  tag+56(FP), R13; \
	MOVQ  state_wide(R8), R11; \
	XORQ  R14, R14; \
	CMPQ  last+64(FP), R14; \
	SETNE R14; \
	SUBQ  R14, CX

// SELECT_NONCE sets K1 and K2 for NONCE.
#define SELECT_NONCE \
	MOVL  $0x55, AX; \
	KMOVW AX, K1; \
	MOVL  $0x4444, AX; \
	KMOVW AX, K2

// NONCE sets all four lanes of z to the nonce and a counter of 0, not reversed. It reads no more
// than the nonce's twelve bytes.
#define NONCE(z) \
	VPBROADCASTQ.Z (R12), K1, z; \
	VPBROADCASTD   8(R12), K2, z

// SELECT_LAST sets K3 for COUNTERS.
#define SELECT_LAST \
	MOVL  $0x0f, AX; \
	KMOVW AX, K3

// MASK sets k to cover the first n bytes, up to 64 of them; n must be below 256.
#define MASK(n, k) \
	MOVQ  $-1, BX; \
	BZHIQ n, BX, BX; \
	KMOVQ BX, k

// HASH_AAD starts the hash with the additional data, a block at a time: TLS
// has 5 or 13 bytes. The mask keeps the load inside the slice.
#define HASH_AAD(next, done) \
	VPXORQ     X16, X16, X16; \
	TESTQ      R10, R10; \
	JZ         done; \
next: \
	MOVQ       $16, AX; \
	CMPQ       R10, AX; \
	CMOVQCS    R10, AX; \
	MASK(AX, K4); \
	VMOVDQU8.Z (R9), K4, X9; \
	VPSHUFB    ·reverse(SB), X9, X9; \
	VPXORQ     X16, X9, X9; \
	MULTIPLY((state_powers+240)(R8), Z9); \
	REDUCE; \
	VMOVDQA64  X15, X16; \
	ADDQ       AX, R9; \
	SUBQ       AX, R10; \
	JNZ        next; \
done:

#define ROUND(k) \
	VAESENC k, Z0, Z0; \
	VAESENC k, Z1, Z1; \
	VAESENC k, Z2, Z2; \
	VAESENC k, Z3, Z3; \
	VAESENC k, Z4, Z4; \
	VAESENC k, Z5, Z5; \
	VAESENC k, Z6, Z6; \
	VAESENC k, Z7, Z7

// COUNTERS takes the next 32 counters through the first step of AES. All but two of them begin
// like CTR, a multiple of 32, and differ in the low five bits alone, which are added as what the
// last byte of the block is to be. The last two are in the next 32.
#define COUNTERS \
	VPSHUFB   ·reverse(SB), CTR, Z9; \
	VPADDD    ·step(SB), CTR, CTR; \
	VPSHUFB   ·reverse(SB), CTR, Z10; \
	VPXORQ    Z17, Z9, Z9; \
	VPXORQ    Z17, Z10, Z10; \
	VPXORQ    ·offsets+0(SB), Z9, Z0; \
	VPXORQ    ·offsets+64(SB), Z9, Z1; \
	VPXORQ    ·offsets+128(SB), Z9, Z2; \
	VPXORQ    ·offsets+192(SB), Z9, Z3; \
	VPXORQ    ·offsets+256(SB), Z9, Z4; \
	VPXORQ    ·offsets+320(SB), Z9, Z5; \
	VPXORQ    ·offsets+384(SB), Z9, Z6; \
	VMOVDQA64 Z9, K3, Z10; \
	VPXORQ    ·offsets+448(SB), Z10, Z7

// MORE_ROUNDS are the four that only the longer key has.
#define MORE_ROUNDS(done) \
	TESTQ R11, R11; \
	JZ    done; \
	ROUND(Z27); \
	ROUND(Z28); \
	ROUND(Z29); \
	ROUND(Z30); \
done:

// PLAIN_ROUNDS takes 32 counters up to the last round of AES.
#define PLAIN_ROUNDS(done) \
	COUNTERS; \
	ROUND(Z18); \
	ROUND(Z19); \
	ROUND(Z20); \
	ROUND(Z21); \
	ROUND(Z22); \
	ROUND(Z23); \
	ROUND(Z24); \
	ROUND(Z25); \
	ROUND(Z26); \
	MORE_ROUNDS(done)

// EIGHT takes eight blocks of ciphertext to Z9 and Z10.
#define EIGHT(off) \
	VMOVDQU64 off(DX), Z9; \
	VPSHUFB   ·reverse(SB), Z9, Z9; \
	VMOVDQU64 (off+64)(DX), Z10; \
	VPSHUFB   ·reverse(SB), Z10, Z10

// SECOND_EIGHT sets LO, MID, HI to the product of blocks 8 to 15 of 32 with their powers. MID
// lacks LO and HI, as Karatsuba's way has it, until REDUCE_ALL.
#define SECOND_EIGHT \
	EIGHT(128); \
	HALVES(Z9, Z10, Z11, Z12); \
	VPCLMULQDQ $0x00, (table_halves+64)(R9), Z11, MID; \
	VPCLMULQDQ $0x11, (table_halves+64)(R9), Z11, Z11; \
	VPXORQ     Z11, MID, MID; \
	VPCLMULQDQ $0x00, (table_powers+128)(R9), Z9, LO; \
	VPCLMULQDQ $0x00, (table_powers+192)(R9), Z10, Z12; \
	VPXORQ     Z12, LO, LO; \
	VPCLMULQDQ $0x11, (table_powers+128)(R9), Z9, HI; \
	VPCLMULQDQ $0x11, (table_powers+192)(R9), Z10, Z10; \
	VPXORQ     Z10, HI, HI

// ADD_EIGHT adds the product of the blocks in Z9 and Z10 and the powers at off.
#define ADD_EIGHT(off) \
	HALVES(Z9, Z10, Z11, Z12); \
	VPCLMULQDQ $0x00, (table_halves+off/2)(R9), Z11, Z12; \
	VPCLMULQDQ $0x11, (table_halves+off/2)(R9), Z11, Z11; \
	VPTERNLOGQ $0x96, Z11, Z12, MID; \
	VPCLMULQDQ $0x00, (table_powers+off)(R9), Z9, Z11; \
	VPCLMULQDQ $0x00, (table_powers+off+64)(R9), Z10, Z12; \
	VPTERNLOGQ $0x96, Z11, Z12, LO; \
	VPCLMULQDQ $0x11, (table_powers+off)(R9), Z9, Z9; \
	VPCLMULQDQ $0x11, (table_powers+off+64)(R9), Z10, Z10; \
	VPTERNLOGQ $0x96, Z9, Z10, HI

#define THIRD_EIGHT \
	EIGHT(256); \
	ADD_EIGHT(256)

#define FOURTH_EIGHT \
	EIGHT(384); \
	ADD_EIGHT(384)

// FIRST_EIGHT comes last, because the hash so far, which it takes in, is ready late.
#define FIRST_EIGHT \
	EIGHT(0); \
	VPXORQ HASH, Z9, Z9; \
	ADD_EIGHT(0)

#define REDUCE_ALL \
	VPTERNLOGQ $0x96, LO, HI, MID; \
	REDUCE; \
	FOLD

// STITCHED_ROUNDS takes 32 counters up to the last round of AES, and hashes the 32 blocks at DX
// meanwhile.
#define STITCHED_ROUNDS(done) \
	COUNTERS; \
	ROUND(Z18); \
	ROUND(Z19); \
	SECOND_EIGHT; \
	ROUND(Z20); \
	ROUND(Z21); \
	THIRD_EIGHT; \
	ROUND(Z22); \
	ROUND(Z23); \
	FOURTH_EIGHT; \
	ROUND(Z24); \
	ROUND(Z25); \
	FIRST_EIGHT; \
	ROUND(Z26); \
	REDUCE_ALL; \
	MORE_ROUNDS(done)

// HASH_BLOCKS hashes the 32 blocks at DX with nothing to do meanwhile.
#define HASH_BLOCKS \
	SECOND_EIGHT; \
	THIRD_EIGHT; \
	FOURTH_EIGHT; \
	FIRST_EIGHT; \
	REDUCE_ALL

// LAST_ROUND adds the input to the last round key, so that the round itself
// turns counters into output.
#define LAST_ROUND(off, z, scratch) \
	VPXORQ      off(SI), Z31, scratch; \
	VAESENCLAST scratch, z, z

#define LAST_ROUNDS \
	LAST_ROUND(0, Z0, Z9); \
	LAST_ROUND(64, Z1, Z10); \
	LAST_ROUND(128, Z2, Z11); \
	LAST_ROUND(192, Z3, Z12); \
	LAST_ROUND(256, Z4, Z9); \
	LAST_ROUND(320, Z5, Z10); \
	LAST_ROUND(384, Z6, Z11); \
	LAST_ROUND(448, Z7, Z12)

#define STORE(to) \
	VMOVDQU64 Z0, (to); \
	VMOVDQU64 Z1, 64(to); \
	VMOVDQU64 Z2, 128(to); \
	VMOVDQU64 Z3, 192(to); \
	VMOVDQU64 Z4, 256(to); \
	VMOVDQU64 Z5, 320(to); \
	VMOVDQU64 Z6, 384(to); \
	VMOVDQU64 Z7, 448(to)

// ADVANCE sets the flags for whether 32 blocks are left.
#define ADVANCE \
	ADDQ $512, SI; \
	ADDQ $512, DI; \
	SUBQ $512, CX; \
	CMPQ CX, $512

// FIND_POWER sets R9 to the power for the first block of those that are left, of count powers at
// base (R9 and R10 have done with the additional data). The last power, H itself, is for the
// block of lengths. As many blocks as powers before it would need one more, so they are reduced
// on their own; R10 is then negative. The load of four powers may run past H: the lanes that do
// are multiplied by zero.
#define FIND_POWER(count, base) \
	LEAQ    15(CX)(R14*1), AX; \
	SHRQ    $4, AX; \
	MOVQ    $(count-1), R10; \
	SUBQ    AX, R10; \
	XORQ    AX, AX; \
	TESTQ   R10, R10; \
	CMOVQGE R10, AX; \
	SHLQ    $4, AX; \
	LEAQ    base, R9; \
	ADDQ    AX, R9

// TAIL_POWERS finds the power for a message of fewer than 512 bytes, and after long for the rest
// of another one. Up to 240 bytes do without a table.
#define TAIL_POWERS \
	LEAQ (CX)(R14*1), AX; \
	CMPQ AX, $240; \
	JHI  long; \
	FIND_POWER(16, state_powers(R8)); \
	JMP  start; \
long: \
	MOVQ state_long(R8), R9; \
	FIND_POWER(32, table_powers(R9)); \
start:

// START_TAIL readies what finishes a message of which at most 512 bytes are left: what encrypts
// the tag in Z2, an empty product, and the next counters.
#define START_TAIL(done) \
	CLEAR_PRODUCT; \
	NONCE(Z2); \
	VPADDD  ·next(SB), CTR, CTR; \
	VPXOR   ·one(SB), X2, X2; \
	ENCRYPT(Z2, done)

// KEYSTREAM sets Z0 to that of the next four blocks.
#define KEYSTREAM(done) \
	VPSHUFB ·reverse(SB), CTR, Z0; \
	VPADDD  ·four(SB), CTR, CTR; \
	ENCRYPT(Z0, done)

// SKIP sets p to readable memory if no byte is left but the last one, which is elsewhere. A mask
// of no byte keeps an access there from being a fault, but if p is at the end of a page and the
// next one is not there, the processor takes long to see that.
#define SKIP(p) \
	TESTQ   CX, CX; \
	CMOVQEQ R8, p

// TAIL_HASH hashes the ciphertext in Z9.
#define TAIL_HASH \
	VPSHUFB ·reverse(SB), Z9, Z9; \
	VPXORQ  HASH, Z9, Z9; \
	VPXORQ  X16, X16, X16; \
	MULTIPLY_ADD((R9), Z9); \
	ADDQ    $64, R9

#define TAIL_ADVANCE \
	ADDQ $64, SI; \
	ADDQ $64, DI; \
	SUBQ $64, CX

// TAG hashes the block of lengths, in bits, and stores the tag.
#define TAG(lengths) \
	TESTQ   R10, R10; \
	JGE     lengths; \
	REDUCE; \
	FOLD; \
	CLEAR_PRODUCT; \
lengths: \
	MOVQ    n+24(FP), AX; \
	SHLQ    $3, AX; \
	VMOVQ   AX, X9; \
	MOVQ    aadLen+40(FP), AX; \
	SHLQ    $3, AX; \
	VPINSRQ $1, AX, X9, X9; \
	VPXORQ  X16, X9, X9; \
	MULTIPLY_ADD((state_powers+240)(R8), Z9); \
	REDUCE; \
	FOLD; \
	VPSHUFB ·reverse(SB), X16, X0; \
	VPXOR   X2, X0, X0; \
	VMOVDQU X0, (R13); \
	VZEROUPPER

// func seal(s *state, dst, src *byte, n int, aad *byte, aadLen int, nonce, tag, last *byte)
TEXT ·seal(SB), 0, $576-72
	LOAD_ARGUMENTS
	LOAD_KEYS
	SELECT_NONCE
	NONCE(CTR)
	VPSHUFB ·reverse(SB), CTR, CTR
	HASH_AAD(aadNext, aadDone)
	CMPQ CX, $512
	JCS  tail

	// The ciphertext of each 32 blocks is hashed while the next 32 are encrypted, so the
	// first have no company and the last none either. It is read from a second copy at an
	// aligned address: a load waits long for a store that crosses a cache line.
	LEAQ 63(SP), DX
	ANDQ $~63, DX
	SELECT_LAST
	MOVQ state_long(R8), R9
	PLAIN_ROUNDS(firstNarrow)
	LAST_ROUNDS
	STORE(DI)
	STORE(DX)
	ADVANCE
	JCS  last

	PCALIGN $64
blocks:
	STITCHED_ROUNDS(narrow)
	LAST_ROUNDS
	STORE(DI)
	STORE(DX)
	ADVANCE
	JCC  blocks

last:
	HASH_BLOCKS
	JMP  long

tail:
	TAIL_POWERS
	START_TAIL(oneNarrow)
	CMPQ CX, $64
	JCS  rest
	KEYSTREAM(firstFourNarrow)
	JMP firstFour
whole:
	KEYSTREAM(wholeNarrow)
	TAIL_HASH
firstFour:
	VPXORQ    (SI), Z0, Z9
	VMOVDQU64 Z9, (DI)
	TAIL_ADVANCE
	CMPQ      CX, $64
	JCC       whole
	TAIL_HASH

rest:
	MASK(CX, K4)
	SKIP(SI)
	ADDQ R14, CX
	JZ   tag
	MASK(CX, K5)
	KEYSTREAM(restNarrow)
	VMOVDQU8.Z (SI), K4, Z9
	TESTQ      R14, R14
	JZ         all
	// The byte that K5 covers and K4 does not is the last one.
	KANDNQ        K5, K4, K4
	MOVQ          last+64(FP), AX
	VPBROADCASTB  (AX), K4, Z9
all:
	VPXORQ     Z9, Z0, Z0
	VMOVDQU8   Z0, K5, (DI)
	VMOVDQU8.Z Z0, K5, Z9
	TAIL_HASH

tag:
	TAG(lengths)
	RET

// func open(s *state, dst, src *byte, n int, aad *byte, aadLen int, nonce, tag, last *byte)
TEXT ·open(SB), NOSPLIT, $0-72
	LOAD_ARGUMENTS
	LOAD_KEYS
	SELECT_NONCE
	NONCE(CTR)
	VPSHUFB ·reverse(SB), CTR, CTR
	HASH_AAD(aadNext, aadDone)
	CMPQ CX, $512
	JCS  tail

	SELECT_LAST
	MOVQ state_long(R8), R9
	PCALIGN $64
blocks:
	MOVQ SI, DX
	STITCHED_ROUNDS(narrow)
	LAST_ROUNDS
	STORE(DI)
	ADVANCE
	JCC  blocks
	JMP  long

tail:
	TAIL_POWERS
	START_TAIL(oneNarrow)
	CMPQ CX, $64
	JCS  rest
whole:
	KEYSTREAM(wholeNarrow)
	VMOVDQU64 (SI), Z9
	VPXORQ    Z9, Z0, Z0
	VMOVDQU64 Z0, (DI)
	TAIL_ADVANCE
	TAIL_HASH
	CMPQ      CX, $64
	JCC       whole

rest:
	MASK(CX, K4)
	SKIP(DI)
	ADDQ R14, CX
	JZ   tag
	MASK(CX, K5)
	KEYSTREAM(restNarrow)
	VMOVDQU8.Z (SI), K5, Z9
	VPXORQ     Z9, Z0, Z0
	VMOVDQU8   Z0, K4, (DI)
	TESTQ      R14, R14
	JZ         all
	// The byte that K5 covers and K4 does not is the last one.
	KANDNQ   K5, K4, K4
	MOVQ     last+64(FP), AX
	SUBQ     CX, AX
	VMOVDQU8 Z0, K4, 1(AX)
all:
	TAIL_HASH

tag:
	TAG(lengths)
	RET
