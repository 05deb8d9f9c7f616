//go:build amd64 && !purego && !standardgcm

#include "go_asm.h"
#include "textflag.h"
#include "vector_amd64.h"

#define LOAD_ARGUMENTS \
	MOVQ s+0(FP), R8; \
	MOVQ dst+8(FP), DI; \
	MOVQ src+16(FP), SI; \
	MOVQ n+24(FP), CX; \
	MOVQ aad+32(FP), R9; \
	MOVQ aadLen+40(FP), R10; \
	MOVQ nonce+48(FP), R12; \
	MOVQ tag+56(FP), R13; \
	MOVQ state_wide(R8), R11

// COUNTER_ONE sets X1 to the nonce and a counter of 1. It reads no more than
// the nonce's twelve bytes.
#define COUNTER_ONE \
	VMOVQ   (R12), X1; \
	VPINSRD $2, 8(R12), X1, X1; \
	MOVL    $0x01000000, AX; \
	VPINSRD $3, AX, X1, X1

// START_COUNTERS sets CTR to the four counters from 2 on: the first four
// blocks of the message.
#define START_COUNTERS \
	COUNTER_ONE; \
	VPSHUFB    X6, X1, X1; \
	VSHUFI32X4 $0, Z1, Z1, CTR; \
	VPADDD     ·next(SB), CTR, CTR

// MASK covers the first n bytes, up to 64 of them; n must be below 256.
#define MASK(n) \
	MOVQ  $-1, BX; \
	BZHIQ n, BX, BX; \
	KMOVQ BX, K1

// HASH_AAD starts the hash with the additional data, a block at a time: TLS
// has 5 or 13 bytes. The mask keeps the load inside the slice.
#define HASH_AAD(next, done) \
	VPXOR      X7, X7, X7; \
	TESTQ      R10, R10; \
	JZ         done; \
next: \
	MOVQ       $16, AX; \
	CMPQ       R10, AX; \
	CMOVQCS    R10, AX; \
	MASK(AX); \
	VMOVDQU8.Z (R9), K1, X8; \
	VPSHUFB    X6, X8, X8; \
	VPXOR      X7, X8, X8; \
	MULTIPLY((state_powers+240)(R8), Z8); \
	REDUCE; \
	VMOVDQA    X14, X7; \
	ADDQ       AX, R9; \
	SUBQ       AX, R10; \
	JNZ        next; \
done:

#define ROUND(k) \
	VAESENC k, Z0, Z0; \
	VAESENC k, Z1, Z1; \
	VAESENC k, Z2, Z2; \
	VAESENC k, Z3, Z3

#define COUNTERS \
	VPSHUFB REVERSE, CTR, Z0; \
	VPADDD  STEP, CTR, CTR; \
	VPSHUFB REVERSE, CTR, Z1; \
	VPADDD  STEP, CTR, CTR; \
	VPSHUFB REVERSE, CTR, Z2; \
	VPADDD  STEP, CTR, CTR; \
	VPSHUFB REVERSE, CTR, Z3; \
	VPADDD  STEP, CTR, CTR; \
	VPXORQ  Z17, Z0, Z0; \
	VPXORQ  Z17, Z1, Z1; \
	VPXORQ  Z17, Z2, Z2; \
	VPXORQ  Z17, Z3, Z3

// MORE_ROUNDS are the four that only the longer key has.
#define MORE_ROUNDS(done) \
	TESTQ R11, R11; \
	JZ    done; \
	ROUND(Z27); \
	ROUND(Z28); \
	ROUND(Z29); \
	ROUND(Z30); \
done:

// PLAIN_ROUNDS takes sixteen counters up to the last round of AES.
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

// STITCHED_ROUNDS does the same and hashes the sixteen blocks in Z8–Z11
// meanwhile. The hash so far joins late because it is ready late.
#define STITCHED_ROUNDS(done) \
	COUNTERS; \
	ROUND(Z18); \
	MULTIPLY((state_powers+64)(R8), Z9); \
	ROUND(Z19); \
	ROUND(Z20); \
	MULTIPLY_ADD((state_powers+128)(R8), Z10); \
	ROUND(Z21); \
	ROUND(Z22); \
	MULTIPLY_ADD((state_powers+192)(R8), Z11); \
	ROUND(Z23); \
	VPXORQ Z7, Z8, Z8; \
	ROUND(Z24); \
	MULTIPLY_ADD((state_powers+0)(R8), Z8); \
	ROUND(Z25); \
	REDUCE; \
	ROUND(Z26); \
	FOLD; \
	MORE_ROUNDS(done)

// HASH_SIXTEEN hashes the blocks in Z8–Z11 with nothing to do meanwhile.
#define HASH_SIXTEEN \
	VPXORQ Z7, Z8, Z8; \
	MULTIPLY((state_powers+0)(R8), Z8); \
	MULTIPLY_ADD((state_powers+64)(R8), Z9); \
	MULTIPLY_ADD((state_powers+128)(R8), Z10); \
	MULTIPLY_ADD((state_powers+192)(R8), Z11); \
	REDUCE; \
	FOLD

// LAST_ROUND adds the input to the last round key, so that the round itself
// turns counters into output.
#define LAST_ROUND(off, z) \
	VPXORQ      off(SI), Z31, Z15; \
	VAESENCLAST Z15, z, z

// OUTPUT finishes the sixteen blocks, stores them and moves on.
#define OUTPUT \
	LAST_ROUND(0, Z0); \
	LAST_ROUND(64, Z1); \
	LAST_ROUND(128, Z2); \
	LAST_ROUND(192, Z3); \
	VMOVDQU64 Z0, (DI); \
	VMOVDQU64 Z1, 64(DI); \
	VMOVDQU64 Z2, 128(DI); \
	VMOVDQU64 Z3, 192(DI); \
	ADDQ      $256, SI; \
	ADDQ      $256, DI; \
	SUBQ      $256, CX

// REVERSED takes sixteen blocks of ciphertext to Z8–Z11 for the hash.
#define REVERSED(a, b, c, d) \
	VPSHUFB REVERSE, a, Z8; \
	VPSHUFB REVERSE, b, Z9; \
	VPSHUFB REVERSE, c, Z10; \
	VPSHUFB REVERSE, d, Z11

// START_TAIL readies what finishes a message of which fewer than 256 bytes
// are left: the counter 1 for the tag in Z1, an empty product, and in R9 the
// power for the first block (R9 and R10 have done with the additional data).
// The last power, H itself, is for the block of lengths; sixteen blocks before
// it would need H^17, so they are reduced on their own, and R10 is then
// negative. The load of four powers may run past H into the round keys: the
// lanes that do are multiplied by zero.
#define START_TAIL \
	COUNTER_ONE; \
	CLEAR_PRODUCT; \
	LEAQ    15(CX), AX; \
	SHRQ    $4, AX; \
	MOVQ    $15, R10; \
	XORQ    R9, R9; \
	SUBQ    AX, R10; \
	CMOVQGE R10, R9; \
	SHLQ    $4, R9; \
	LEAQ    state_powers(R8)(R9*1), R9

// TAIL_OUTPUT turns up to 64 bytes of input, left in Z8 with zeros behind
// them, into output, left in Z0 with anything behind them.
#define TAIL_OUTPUT(done) \
	MASK(CX); \
	VMOVDQU8.Z (SI), K1, Z8; \
	VPSHUFB    REVERSE, CTR, Z0; \
	VPADDD     STEP, CTR, CTR; \
	ENCRYPT(Z0, done); \
	VPXORQ     Z8, Z0, Z0; \
	VMOVDQU8   Z0, K1, (DI)

// TAIL_HASH hashes the ciphertext in Z8 and moves on; JHI then jumps if more
// is left.
#define TAIL_HASH \
	VPSHUFB REVERSE, Z8, Z8; \
	VPXORQ  Z7, Z8, Z8; \
	VPXOR   X7, X7, X7; \
	MULTIPLY_ADD((R9), Z8); \
	ADDQ    $64, R9; \
	ADDQ    $64, SI; \
	ADDQ    $64, DI; \
	SUBQ    $64, CX

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
	VMOVQ   AX, X8; \
	MOVQ    aadLen+40(FP), AX; \
	SHLQ    $3, AX; \
	VPINSRQ $1, AX, X8, X8; \
	VPXOR   X7, X8, X8; \
	MULTIPLY_ADD((state_powers+240)(R8), Z8); \
	REDUCE; \
	FOLD; \
	VPSHUFB X6, X7, X7; \
	VPXOR   X1, X7, X7; \
	VMOVDQU X7, (R13); \
	VZEROUPPER

// func seal(s *state, dst, src *byte, n int, aad *byte, aadLen int, nonce *byte, tag *byte)
TEXT ·seal(SB), NOSPLIT, $0-64
	LOAD_ARGUMENTS
	LOAD_CONSTANTS
	HASH_AAD(aadNext, aadDone)
	START_COUNTERS
	CMPQ CX, $256
	JCS  tail

	// The ciphertext of each sixteen blocks is hashed while the next sixteen
	// are encrypted, so the first have no company and the last none either.
	PLAIN_ROUNDS(firstNarrow)
	OUTPUT
	REVERSED(Z0, Z1, Z2, Z3)
	CMPQ CX, $256
	JCS  last

	PCALIGN $32
sixteen:
	STITCHED_ROUNDS(narrow)
	OUTPUT
	REVERSED(Z0, Z1, Z2, Z3)
	CMPQ CX, $256
	JCC  sixteen

last:
	HASH_SIXTEEN

tail:
	START_TAIL
	ENCRYPT(Z1, oneNarrow)
	TESTQ CX, CX
	JZ   tag

tailNext:
	TAIL_OUTPUT(tailNarrow)
	VMOVDQU8.Z Z0, K1, Z8
	TAIL_HASH
	JHI  tailNext

tag:
	TAG(lengths)
	RET

// func open(s *state, dst, src *byte, n int, aad *byte, aadLen int, nonce *byte, tag *byte)
TEXT ·open(SB), NOSPLIT, $0-64
	LOAD_ARGUMENTS
	LOAD_CONSTANTS
	HASH_AAD(aadNext, aadDone)
	START_COUNTERS
	CMPQ CX, $256
	JCS  tail

	PCALIGN $32
sixteen:
	VMOVDQU64 (SI), Z8
	VMOVDQU64 64(SI), Z9
	VMOVDQU64 128(SI), Z10
	VMOVDQU64 192(SI), Z11
	REVERSED(Z8, Z9, Z10, Z11)
	STITCHED_ROUNDS(narrow)
	OUTPUT
	CMPQ CX, $256
	JCC  sixteen

tail:
	START_TAIL
	ENCRYPT(Z1, oneNarrow)
	TESTQ CX, CX
	JZ   tag

tailNext:
	TAIL_OUTPUT(tailNarrow)
	TAIL_HASH
	JHI  tailNext

tag:
	TAG(lengths)
	RET
