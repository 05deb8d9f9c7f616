//go:build amd64 && !purego && !standardgcm

#include "go_asm.h"
#include "textflag.h"
#include "avx2_amd64.h"

// Added to two counter blocks 1: the counters 2 and 3, and from then on the step to the
// next two.
DATA ·following+0(SB)/8, $1
DATA ·following+8(SB)/8, $0
DATA ·following+16(SB)/8, $2
DATA ·following+24(SB)/8, $0
GLOBL ·following(SB), RODATA|NOPTR, $32

DATA ·twice+0(SB)/8, $2
DATA ·twice+8(SB)/8, $0
DATA ·twice+16(SB)/8, $2
DATA ·twice+24(SB)/8, $0
GLOBL ·twice(SB), RODATA|NOPTR, $32

// The last 16-n of these bytes and the 16 after them select the first n of a block.
DATA ·select+0(SB)/8, $-1
DATA ·select+8(SB)/8, $-1
DATA ·select+16(SB)/8, $0
DATA ·select+24(SB)/8, $0
GLOBL ·select(SB), RODATA|NOPTR, $32

#define LOAD_ARGUMENTS \
	MOVQ s+0(FP), R8; \
	MOVQ dst+8(FP), DI; \
	MOVQ src+16(FP), SI; \
	MOVQ n+24(FP), CX; \
	MOVQ aad+32(FP), R9; \
	MOVQ aadLen+40(FP), R10; \
	MOVQ nonce+48(FP), R12; \
	MOVQ tag+56(FP), R13; \
	MOVQ state_wide(R8), R11; \
	VBROADCASTI128 ·reverse(SB), Y6

// COUNTER_ONE sets X1 to the nonce and a counter of 1. It reads no more than the nonce's
// twelve bytes.
#define COUNTER_ONE \
	VMOVQ   (R12), X1; \
	VPINSRD $2, 8(R12), X1, X1; \
	MOVL    $0x01000000, AX; \
	VPINSRD $3, AX, X1, X1

// START_COUNTERS sets Y4 to the counters 2 and 3: the first two blocks of the message.
#define START_COUNTERS \
	COUNTER_ONE; \
	VPSHUFB     X6, X1, X1; \
	VINSERTI128 $1, X1, Y1, Y4; \
	VPADDD      ·following(SB), Y4, Y4

// SWITCH_TO_TAIL goes on at rest, if that is not nil, instead of at p: where fewer than 128 bytes
// are left.
#define SWITCH_TO_TAIL(p) \
	MOVQ    rest+64(FP), AX; \
	TESTQ   AX, AX; \
	CMOVQNE AX, p

// HASH_AAD starts the hash with the additional data, a block at a time: TLS has 5 or 13
// bytes.
#define HASH_AAD(next, whole, multiply, done, bytes, nextByte, copied) \
	VPXOR   X7, X7, X7; \
	TESTQ   R10, R10; \
	JZ      done; \
next: \
	MOVQ    $16, AX; \
	CMPQ    R10, AX; \
	JCC     whole; \
	MOVQ    R10, AX; \
	VPXOR   X8, X8, X8; \
	VMOVDQU X8, block-16(SP); \
	COPY_SHORT((R9), block-16(SP), bytes, nextByte, copied) \
	VMOVDQU block-16(SP), X8; \
	JMP     multiply; \
whole: \
	VMOVDQU (R9), X8; \
multiply: \
	VPSHUFB X6, X8, X8; \
	VPXOR   X7, X8, X8; \
	CLEAR_PRODUCT; \
	MULTIPLY_ADD_ONE((state_powers+240)(R8), X8); \
	REDUCE; \
	VMOVDQA X14, X7; \
	ADDQ    AX, R9; \
	SUBQ    AX, R10; \
	JNZ     next; \
done:

// START_TAIL readies what finishes a message of which fewer than 128 bytes are left: the
// keystream for them on the stack, an empty product, in R9 the power for the first block (H
// itself is for the block of lengths), and in R10 the keystream's next block.
#define START_TAIL(narrow, empty) \
	CLEAR_PRODUCT; \
	LEAQ    15(CX), AX; \
	SHRQ    $4, AX; \
	MOVQ    $15, R9; \
	SUBQ    AX, R9; \
	SHLQ    $4, R9; \
	LEAQ    state_powers(R8)(R9*1), R9; \
	TESTQ   CX, CX; \
	JZ      empty; \
	PLAIN_ROUNDS(narrow) \
	VBROADCASTI128 KEY(14), Y5; \
	VAESENCLAST    Y5, Y0, Y0; \
	VAESENCLAST    Y5, Y1, Y1; \
	VAESENCLAST    Y5, Y2, Y2; \
	VAESENCLAST    Y5, Y3, Y3; \
	VMOVDQU Y0, stream-144(SP); \
	VMOVDQU Y1, stream-112(SP); \
	VMOVDQU Y2, stream-80(SP); \
	VMOVDQU Y3, stream-48(SP); \
	LEAQ    stream-144(SP), R10

// TAIL_HASH hashes the block of ciphertext in X8 and advances to the next.
#define TAIL_HASH \
	VPSHUFB X6, X8, X8; \
	VPXOR   X7, X8, X8; \
	VPXOR   X7, X7, X7; \
	MULTIPLY_ADD_ONE((R9), X8); \
	ADDQ    $16, R9

// TAIL_LAST reads the last block of fewer than 16 bytes to X8, with zeros behind them,
// and writes its output, which X0 holds too.
#define TAIL_LAST(bytes, next, done, outBytes, outNext, outDone) \
	MOVQ    CX, AX; \
	VPXOR   X8, X8, X8; \
	VMOVDQU X8, block-16(SP); \
	COPY_SHORT((SI), block-16(SP), bytes, next, done) \
	VMOVDQU block-16(SP), X8; \
	VPXOR   (R10), X8, X0; \
	VMOVDQU X0, block-16(SP); \
	COPY_SHORT(block-16(SP), (DI), outBytes, outNext, outDone) \
	LEAQ    ·select+16(SB), BX; \
	SUBQ    CX, BX; \
	VPAND   (BX), X0, X0

// TAG hashes the block of lengths, in bits, and stores the tag. It clears the stack.
#define TAG(one) \
	COUNTER_ONE; \
	ENCRYPT_ONE(X1, one); \
	MOVQ    n+24(FP), AX; \
	SHLQ    $3, AX; \
	VMOVQ   AX, X8; \
	MOVQ    aadLen+40(FP), AX; \
	SHLQ    $3, AX; \
	VPINSRQ $1, AX, X8, X8; \
	VPXOR   X7, X8, X8; \
	MULTIPLY_ADD_ONE((state_powers+240)(R8), X8); \
	REDUCE; \
	VPSHUFB X6, X14, X7; \
	VPXOR   X1, X7, X7; \
	VMOVDQU X7, (R13); \
	VPXOR   X0, X0, X0; \
	VMOVDQU Y0, stream-144(SP); \
	VMOVDQU Y0, stream-112(SP); \
	VMOVDQU Y0, stream-80(SP); \
	VMOVDQU Y0, stream-48(SP); \
	VMOVDQU X0, block-16(SP); \
	VZEROUPPER

// func sealAVX2(s *state, dst, src *byte, n int, aad *byte, aadLen int, nonce, tag, rest *byte)
TEXT ·sealAVX2(SB), NOSPLIT, $144-72
	LOAD_ARGUMENTS
	HASH_AAD(aadNext, aadWhole, aadMultiply, aadDone, aadBytes, aadByte, aadCopied)
	START_COUNTERS
	CMPQ CX, $128
	JCS  tail

	// The ciphertext of each eight blocks is hashed while the next eight are encrypted.
	PLAIN_ROUNDS(firstNarrow)
	OUTPUT
	REVERSED(Y0, Y1, Y2, Y3)
	CMPQ CX, $128
	JCS  last

	PCALIGN $32
eight:
	STITCHED_ROUNDS(narrow)
	OUTPUT
	REVERSED(Y0, Y1, Y2, Y3)
	CMPQ CX, $128
	JCC  eight

last:
	HASH_EIGHT

tail:
	SWITCH_TO_TAIL(SI)
	START_TAIL(tailNarrow, tag)
	CMPQ CX, $16
	JCS  short
whole:
	VMOVDQU (SI), X8
	VPXOR   (R10), X8, X8
	VMOVDQU X8, (DI)
	TAIL_HASH
	ADDQ $16, R10
	ADDQ $16, SI
	ADDQ $16, DI
	SUBQ $16, CX
	CMPQ CX, $16
	JCC  whole
short:
	TESTQ CX, CX
	JZ    tag
	TAIL_LAST(inBytes, inByte, inDone, outBytes, outByte, outDone)
	VMOVDQA X0, X8
	TAIL_HASH
tag:
	TAG(oneNarrow)
	RET

// func openAVX2(s *state, dst, src *byte, n int, aad *byte, aadLen int, nonce, tag, rest *byte)
TEXT ·openAVX2(SB), NOSPLIT, $144-72
	LOAD_ARGUMENTS
	HASH_AAD(aadNext, aadWhole, aadMultiply, aadDone, aadBytes, aadByte, aadCopied)
	START_COUNTERS
	CMPQ CX, $128
	JCS  tail

	PCALIGN $32
eight:
	VMOVDQU (SI), Y8
	VMOVDQU 32(SI), Y9
	VMOVDQU 64(SI), Y10
	VMOVDQU 96(SI), Y11
	REVERSED(Y8, Y9, Y10, Y11)
	STITCHED_ROUNDS(narrow)
	OUTPUT
	CMPQ CX, $128
	JCC  eight

tail:
	SWITCH_TO_TAIL(DI)
	START_TAIL(tailNarrow, tag)
	CMPQ CX, $16
	JCS  short
whole:
	VMOVDQU (SI), X8
	VPXOR   (R10), X8, X0
	VMOVDQU X0, (DI)
	TAIL_HASH
	ADDQ $16, R10
	ADDQ $16, SI
	ADDQ $16, DI
	SUBQ $16, CX
	CMPQ CX, $16
	JCC  whole
short:
	TESTQ CX, CX
	JZ    tag
	TAIL_LAST(inBytes, inByte, inDone, outBytes, outByte, outDone)
	TAIL_HASH
tag:
	TAG(oneNarrow)
	RET

// func derivePowersAVX2(s *state)
TEXT ·derivePowersAVX2(SB), NOSPLIT, $0-8
	MOVQ s+0(FP), R8
	MOVQ state_wide(R8), R11
	VPXOR X0, X0, X0
	ENCRYPT_ONE(X0, narrow)
	VPSHUFB ·reverse(SB), X0, X0

	// As in derivePowers.
	VPSRAD  $31, X0, X1
	VPSHUFD $0xff, X1, X1
	VPAND   ·modulus(SB), X1, X1
	VPSRLQ  $63, X0, X2
	VPSLLDQ $8, X2, X2
	VPADDQ  X0, X0, X0
	VPXOR   X2, X0, X0
	VPXOR   X1, X0, X0

	VMOVDQA X0, X8
	VMOVDQU X0, (state_powers+240)(R8)
	MOVQ    $224, CX
powers:
	CLEAR_PRODUCT
	MULTIPLY_ADD_ONE((state_powers+240)(R8), X8)
	REDUCE
	VMOVDQA X14, X8
	VMOVDQU X8, state_powers(R8)(CX*1)
	SUBQ    $16, CX
	JCC     powers
	VZEROUPPER
	RET

// func vectorAES() bool
TEXT ·vectorAES(SB), NOSPLIT, $0-1
	MOVL $7, AX
	XORL CX, CX
	CPUID
	ANDL $0x600, CX // VAES and VPCLMULQDQ
	CMPL CX, $0x600
	SETEQ ret+0(FP)
	RET
