//go:build !purego && !standardhmac

#include "textflag.h"

// The constants of SHA-256. FIPS 180-4, Section 4.2.2.
DATA ·constants+0(SB)/8, $0x71374491428a2f98
DATA ·constants+8(SB)/8, $0xe9b5dba5b5c0fbcf
DATA ·constants+16(SB)/8, $0x59f111f13956c25b
DATA ·constants+24(SB)/8, $0xab1c5ed5923f82a4
DATA ·constants+32(SB)/8, $0x12835b01d807aa98
DATA ·constants+40(SB)/8, $0x550c7dc3243185be
DATA ·constants+48(SB)/8, $0x80deb1fe72be5d74
DATA ·constants+56(SB)/8, $0xc19bf1749bdc06a7
DATA ·constants+64(SB)/8, $0xefbe4786e49b69c1
DATA ·constants+72(SB)/8, $0x240ca1cc0fc19dc6
DATA ·constants+80(SB)/8, $0x4a7484aa2de92c6f
DATA ·constants+88(SB)/8, $0x76f988da5cb0a9dc
DATA ·constants+96(SB)/8, $0xa831c66d983e5152
DATA ·constants+104(SB)/8, $0xbf597fc7b00327c8
DATA ·constants+112(SB)/8, $0xd5a79147c6e00bf3
DATA ·constants+120(SB)/8, $0x1429296706ca6351
DATA ·constants+128(SB)/8, $0x2e1b213827b70a85
DATA ·constants+136(SB)/8, $0x53380d134d2c6dfc
DATA ·constants+144(SB)/8, $0x766a0abb650a7354
DATA ·constants+152(SB)/8, $0x92722c8581c2c92e
DATA ·constants+160(SB)/8, $0xa81a664ba2bfe8a1
DATA ·constants+168(SB)/8, $0xc76c51a3c24b8b70
DATA ·constants+176(SB)/8, $0xd6990624d192e819
DATA ·constants+184(SB)/8, $0x106aa070f40e3585
DATA ·constants+192(SB)/8, $0x1e376c0819a4c116
DATA ·constants+200(SB)/8, $0x34b0bcb52748774c
DATA ·constants+208(SB)/8, $0x4ed8aa4a391c0cb3
DATA ·constants+216(SB)/8, $0x682e6ff35b9cca4f
DATA ·constants+224(SB)/8, $0x78a5636f748f82ee
DATA ·constants+232(SB)/8, $0x8cc7020884c87814
DATA ·constants+240(SB)/8, $0xa4506ceb90befffa
DATA ·constants+248(SB)/8, $0xc67178f2bef9a3f7
GLOBL ·constants(SB), RODATA|NOPTR, $256

// flip reverses the bytes of each word.
DATA ·flip+0(SB)/8, $0x0405060700010203
DATA ·flip+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL ·flip(SB), RODATA|NOPTR, $16

// padding is what stands behind the inner hash in its block, as words: the end of the message,
// and its length of 96 bytes in bits.
DATA ·padding+0(SB)/8, $0x80000000
DATA ·padding+8(SB)/8, $0
DATA ·padding+16(SB)/8, $0
DATA ·padding+24(SB)/8, $0x0000030000000000
GLOBL ·padding(SB), RODATA|NOPTR, $32

// ROUNDS is four rounds with the words W. S0 has A, B, E and F, S1 has C, D, G and H.
#define ROUNDS(i, W, S0, S1) \
	MOVO        W, X0            \
	PADDD       (i*16)(AX), X0   \
	SHA256RNDS2 X0, S0, S1       \
	PSHUFD      $0x0e, X0, X0    \
	SHA256RNDS2 X0, S1, S0

// NEXT turns the words W0 of sixteen, W0 to W3, into the four behind them. FIPS 180-4,
// Section 6.2.2, step 1.
#define NEXT(W0, W1, W2, W3) \
	MOVO       W3, X7     \
	PALIGNR    $4, W2, X7 \
	SHA256MSG1 W1, W0     \
	PADDD      X7, W0     \
	SHA256MSG2 W3, W0

#define LOAD(P, W0, W1, W2, W3) \
	MOVOU  0(P), W0  \
	MOVOU  16(P), W1 \
	MOVOU  32(P), W2 \
	MOVOU  48(P), W3 \
	PSHUFB X14, W0   \
	PSHUFB X14, W1   \
	PSHUFB X14, W2   \
	PSHUFB X14, W3

// ADD adds to a state what it was, at S.
#define ADD(S, S0, S1) \
	MOVOU 0(S), X0  \
	MOVOU 16(S), X7 \
	PADDD X0, S0    \
	PADDD X7, S1

// WORDS turns a state into the words of the hash, which go to W0 and W1.
#define WORDS(S0, S1, W0, W1) \
	MOVO       S0, W0        \
	PUNPCKHQDQ S1, W0        \
	PSHUFD     $0xb1, W0, W0 \
	MOVO       S0, W1        \
	PUNPCKLQDQ S1, W1        \
	PSHUFD     $0xb1, W1, W1

// OUTER makes the words of the block that the outer hash has behind its pad, from the state of
// the inner one.
#define OUTER(S0, S1, W0, W1, W2, W3) \
	WORDS(S0, S1, W0, W1)    \
	MOVOU ·padding+0(SB), W2 \
	MOVOU ·padding+16(SB), W3

// WRITE writes the hash of a state to P.
#define WRITE(S0, S1, W0, W1, P) \
	WORDS(S0, S1, W0, W1) \
	PSHUFB X14, W0        \
	PSHUFB X14, W1        \
	MOVOU  W0, 0(P)       \
	MOVOU  W1, 16(P)

// ONE is the compression function: the state is in X1 and X2, the block in X3 to X6.
#define ONE \
	ROUNDS(0, X3, X1, X2)  \
	NEXT(X3, X4, X5, X6)   \
	ROUNDS(1, X4, X1, X2)  \
	NEXT(X4, X5, X6, X3)   \
	ROUNDS(2, X5, X1, X2)  \
	NEXT(X5, X6, X3, X4)   \
	ROUNDS(3, X6, X1, X2)  \
	NEXT(X6, X3, X4, X5)   \
	ROUNDS(4, X3, X1, X2)  \
	NEXT(X3, X4, X5, X6)   \
	ROUNDS(5, X4, X1, X2)  \
	NEXT(X4, X5, X6, X3)   \
	ROUNDS(6, X5, X1, X2)  \
	NEXT(X5, X6, X3, X4)   \
	ROUNDS(7, X6, X1, X2)  \
	NEXT(X6, X3, X4, X5)   \
	ROUNDS(8, X3, X1, X2)  \
	NEXT(X3, X4, X5, X6)   \
	ROUNDS(9, X4, X1, X2)  \
	NEXT(X4, X5, X6, X3)   \
	ROUNDS(10, X5, X1, X2) \
	NEXT(X5, X6, X3, X4)   \
	ROUNDS(11, X6, X1, X2) \
	NEXT(X6, X3, X4, X5)   \
	ROUNDS(12, X3, X1, X2) \
	ROUNDS(13, X4, X1, X2) \
	ROUNDS(14, X5, X1, X2) \
	ROUNDS(15, X6, X1, X2)

// TWO is ONE, and beside it the same for X8 and X9, and X10 to X13.
#define TWO \
	ROUNDS(0, X3, X1, X2)    \
	ROUNDS(0, X10, X8, X9)   \
	NEXT(X3, X4, X5, X6)     \
	NEXT(X10, X11, X12, X13) \
	ROUNDS(1, X4, X1, X2)    \
	ROUNDS(1, X11, X8, X9)   \
	NEXT(X4, X5, X6, X3)     \
	NEXT(X11, X12, X13, X10) \
	ROUNDS(2, X5, X1, X2)    \
	ROUNDS(2, X12, X8, X9)   \
	NEXT(X5, X6, X3, X4)     \
	NEXT(X12, X13, X10, X11) \
	ROUNDS(3, X6, X1, X2)    \
	ROUNDS(3, X13, X8, X9)   \
	NEXT(X6, X3, X4, X5)     \
	NEXT(X13, X10, X11, X12) \
	ROUNDS(4, X3, X1, X2)    \
	ROUNDS(4, X10, X8, X9)   \
	NEXT(X3, X4, X5, X6)     \
	NEXT(X10, X11, X12, X13) \
	ROUNDS(5, X4, X1, X2)    \
	ROUNDS(5, X11, X8, X9)   \
	NEXT(X4, X5, X6, X3)     \
	NEXT(X11, X12, X13, X10) \
	ROUNDS(6, X5, X1, X2)    \
	ROUNDS(6, X12, X8, X9)   \
	NEXT(X5, X6, X3, X4)     \
	NEXT(X12, X13, X10, X11) \
	ROUNDS(7, X6, X1, X2)    \
	ROUNDS(7, X13, X8, X9)   \
	NEXT(X6, X3, X4, X5)     \
	NEXT(X13, X10, X11, X12) \
	ROUNDS(8, X3, X1, X2)    \
	ROUNDS(8, X10, X8, X9)   \
	NEXT(X3, X4, X5, X6)     \
	NEXT(X10, X11, X12, X13) \
	ROUNDS(9, X4, X1, X2)    \
	ROUNDS(9, X11, X8, X9)   \
	NEXT(X4, X5, X6, X3)     \
	NEXT(X11, X12, X13, X10) \
	ROUNDS(10, X5, X1, X2)   \
	ROUNDS(10, X12, X8, X9)  \
	NEXT(X5, X6, X3, X4)     \
	NEXT(X12, X13, X10, X11) \
	ROUNDS(11, X6, X1, X2)   \
	ROUNDS(11, X13, X8, X9)  \
	NEXT(X6, X3, X4, X5)     \
	NEXT(X13, X10, X11, X12) \
	ROUNDS(12, X3, X1, X2)   \
	ROUNDS(12, X10, X8, X9)  \
	ROUNDS(13, X4, X1, X2)   \
	ROUNDS(13, X11, X8, X9)  \
	ROUNDS(14, X5, X1, X2)   \
	ROUNDS(14, X12, X8, X9)  \
	ROUNDS(15, X6, X1, X2)   \
	ROUNDS(15, X13, X8, X9)

#define STATE(S, S0, S1) \
	MOVOU 0(S), S0 \
	MOVOU 16(S), S1

#define CONSTANTS \
	LEAQ  ·constants(SB), AX \
	MOVOU ·flip(SB), X14

// func setBoth(k *Key, in, out *[64]byte)
TEXT ·setBoth(SB), NOSPLIT, $0-24
	MOVQ k+0(FP), DI
	MOVQ in+8(FP), SI
	MOVQ out+16(FP), R9
	CONSTANTS
	LEAQ ·initial(SB), R8
	STATE(R8, X1, X2)
	STATE(R8, X8, X9)
	LOAD(SI, X3, X4, X5, X6)
	LOAD(R9, X10, X11, X12, X13)
	TWO
	ADD(R8, X1, X2)
	ADD(R8, X8, X9)
	MOVOU X1, 0(DI)
	MOVOU X2, 16(DI)
	MOVOU X8, 32(DI)
	MOVOU X9, 48(DI)
	RET

// func sum(k *Key, out *[32]byte, p *byte, blocks int)
TEXT ·sum(SB), NOSPLIT, $32-32
	MOVQ k+0(FP), DI
	MOVQ p+16(FP), SI
	MOVQ blocks+24(FP), CX
	CONSTANTS
	STATE(DI, X1, X2)
	MOVQ DI, R8

loop:
	LOAD(SI, X3, X4, X5, X6)
	ONE
	ADD(R8, X1, X2)
	DECQ CX
	JZ   outer
	MOVQ SP, R8
	MOVOU X1, 0(R8)
	MOVOU X2, 16(R8)
	ADDQ $64, SI
	JMP  loop

outer:
	OUTER(X1, X2, X3, X4, X5, X6)
	ADDQ $32, DI
	STATE(DI, X1, X2)
	ONE
	ADD(DI, X1, X2)
	MOVQ out+8(FP), SI
	WRITE(X1, X2, X3, X4, SI)
	RET

// func sumBoth(k *Key, out1, out2 *[32]byte, p1, p2 *Room)
TEXT ·sumBoth(SB), NOSPLIT, $0-40
	MOVQ k+0(FP), DI
	MOVQ p1+24(FP), SI
	MOVQ p2+32(FP), R9
	CONSTANTS
	STATE(DI, X1, X2)
	STATE(DI, X8, X9)
	LOAD(SI, X3, X4, X5, X6)
	LOAD(R9, X10, X11, X12, X13)
	TWO
	ADD(DI, X1, X2)
	ADD(DI, X8, X9)
	OUTER(X1, X2, X3, X4, X5, X6)
	OUTER(X8, X9, X10, X11, X12, X13)
	ADDQ $32, DI
	STATE(DI, X1, X2)
	STATE(DI, X8, X9)
	TWO
	ADD(DI, X1, X2)
	ADD(DI, X8, X9)
	MOVQ out1+8(FP), SI
	MOVQ out2+16(FP), R9
	WRITE(X1, X2, X3, X4, SI)
	WRITE(X8, X9, X10, X11, R9)
	RET

// func hasSHA() bool
TEXT ·hasSHA(SB), NOSPLIT, $0-1
	MOVB $0, ret+0(FP)
	XORL AX, AX
	CPUID
	CMPL AX, $7
	JLT  no
	MOVL $1, AX
	XORL CX, CX
	CPUID
	ANDL $0x00080200, CX // SSE4.1, SSSE3
	CMPL CX, $0x00080200
	JNE  no
	MOVL $7, AX
	XORL CX, CX
	CPUID
	SHRL $29, BX
	ANDL $1, BX
	MOVB BX, ret+0(FP)

no:
	RET
