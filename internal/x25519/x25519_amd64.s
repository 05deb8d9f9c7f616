//go:build amd64 && !purego && !circlx25519

#include "textflag.h"

// What the registers hold. Limb i of four numbers is in the four lanes of one register.
//
//	Y0–Y4    the factors A          Y24–Y28  scratch of the callers
//	Y5–Y9    the factors B          Y29, Y30 256p: limb 0, and limbs 1 to 4
//	Y10–Y14  the products           Y31      2^51 - 1
//	Y15–Y23  scratch of MULTIPLY    K1       lanes 1 and 3
//	K2–K4    masks of the callers

#define A0 Y0
#define A1 Y1
#define A2 Y2
#define A3 Y3
#define A4 Y4
#define B0 Y5
#define B1 Y6
#define B2 Y7
#define B3 Y8
#define B4 Y9
#define C0 Y10
#define C1 Y11
#define C2 Y12
#define C3 Y13
#define C4 Y14
#define C5 Y15
#define C6 Y16
#define C7 Y17
#define C8 Y18
#define C9 Y19
#define H3 Y20
#define H4 Y21
#define H5 Y22
#define H6 Y23
#define W0 Y24
#define W1 Y25
#define W2 Y26
#define W3 Y27
#define W4 Y28
#define MANY0 Y29
#define MANY Y30
#define MASK Y31

#define ODD K1

#define CLEAR(y) VPXORQ y, y, y

#define LO(a, b, c) VPMADD52LUQ a, b, c
#define HI(a, b, c) VPMADD52HUQ a, b, c
#define TWICE(c) VPADDQ c, c, c

// NINETEEN multiplies by 19 and spoils H5 and H6. VPMULLQ would be one instruction, 1 % faster on
// an AMD Zen 4, but has five times the latency on processors of Intel.
#define NINETEEN(c) \
	VPSLLQ $4, c, H5; \
	VPADDQ c, c, H6; \
	VPADDQ H5, c, c; \
	VPADDQ H6, c, c

// MULTIPLY sets C0 … C4 to the products of A and B, whose limbs are below 2^52, in columns that
// are not carried. It keeps A and B.
//
// HI has the bits of a product from 52 on, which are worth 2^51 · 2: so it is doubled. The columns
// 5 to 9 come first, and are added to the columns 0 to 4 nineteen times, since 2^255 = 19 modulo
// p. In long columns the doubled part is summed up apart, so that fewer steps wait for each other.
#define MULTIPLY \
	CLEAR(H5); CLEAR(H6); CLEAR(C7); CLEAR(C8); CLEAR(C9); CLEAR(C5); CLEAR(C6); \
	HI(A1, B3, H5); HI(A2, B3, H6); HI(A3, B3, C7); HI(A3, B4, C8); \
	HI(A3, B1, H5); HI(A3, B2, H6); HI(A2, B4, C7); HI(A4, B3, C8); \
	LO(A1, B4, C5); LO(A2, B4, C6); HI(A4, B4, C9); \
	HI(A2, B2, H5); HI(A1, B4, H6); HI(A4, B2, C7); \
	LO(A4, B1, C5); LO(A4, B2, C6); TWICE(C8); \
	HI(A4, B0, H5); HI(A4, B1, H6); TWICE(C9); \
	LO(A2, B3, C5); LO(A3, B3, C6); TWICE(C7); \
	HI(A0, B4, H5); LO(A4, B4, C8); LO(A3, B4, C7); \
	LO(A3, B2, C5); LO(A4, B3, C7); \
	CLEAR(C0); CLEAR(C1); CLEAR(C2); CLEAR(C3); CLEAR(C4); CLEAR(H3); CLEAR(H4); \
	HI(A1, B1, H3); HI(A1, B2, H4); LO(A2, B2, C4); LO(A1, B2, C3); \
	TWICE(H6); TWICE(H5); \
	HI(A2, B1, H4); LO(A1, B3, C4); LO(A2, B1, C3); \
	VPADDQ H6, C6, C6; VPADDQ H5, C5, C5; \
	LO(A3, B1, C4); HI(A0, B1, C2); HI(A0, B2, H3); HI(A0, B3, H4); \
	NINETEEN(C5); \
	NINETEEN(C6); \
	NINETEEN(C7); \
	NINETEEN(C8); \
	NINETEEN(C9); \
	HI(A1, B0, C2); HI(A2, B0, H3); HI(A3, B0, H4); HI(A0, B0, C1); \
	LO(A0, B4, C4); LO(A0, B3, C3); \
	TWICE(C2); TWICE(H3); TWICE(H4); TWICE(C1); \
	VPADDQ C8, H3, H3; VPADDQ C9, H4, H4; \
	LO(A4, B0, C4); LO(A3, B0, C3); LO(A0, B2, C2); LO(A0, B1, C1); LO(A0, B0, C0); \
	LO(A1, B1, C2); LO(A1, B0, C1); \
	LO(A2, B0, C2); \
	VPADDQ H4, C4, C4; \
	VPADDQ H3, C3, C3; \
	VPADDQ C5, C0, C0; \
	VPADDQ C6, C1, C1; \
	VPADDQ C7, C2, C2

// CARRY moves what is above 51 bits of each limb to the next one: limbs below 2^60 become limbs
// below 2^51 + 2^14. It spoils C5 to C9.
#define CARRY(c0, c1, c2, c3, c4) \
	VPSRLQ      $51, c4, C9; \
	VPSRLQ      $51, c0, C5; \
	VPSRLQ      $51, c1, C6; \
	VPSRLQ      $51, c2, C7; \
	VPSRLQ      $51, c3, C8; \
	VPANDQ      MASK, c0, c0; \
	VPANDQ      MASK, c1, c1; \
	VPANDQ      MASK, c2, c2; \
	VPANDQ      MASK, c3, c3; \
	VPANDQ      MASK, c4, c4; \
	VPMADD52LUQ ·nineteen(SB), C9, c0; \
	VPADDQ      C5, c1, c1; \
	VPADDQ      C6, c2, c2; \
	VPADDQ      C7, c3, c3; \
	VPADDQ      C8, c4, c4

#define LOAD(p, y0, y1, y2, y3, y4) \
	VMOVDQU64 (p), y0; \
	VMOVDQU64 32(p), y1; \
	VMOVDQU64 64(p), y2; \
	VMOVDQU64 96(p), y3; \
	VMOVDQU64 128(p), y4

#define STORE(p, y0, y1, y2, y3, y4) \
	VMOVDQU64 y0, (p); \
	VMOVDQU64 y1, 32(p); \
	VMOVDQU64 y2, 64(p); \
	VMOVDQU64 y3, 96(p); \
	VMOVDQU64 y4, 128(p)

#define LOAD_CONSTANTS \
	VMOVDQU64    ·many0(SB), MANY0; \
	VPBROADCASTQ ·many(SB), MANY; \
	VPBROADCASTQ ·mask(SB), MASK; \
	MOVL         $0b1010, AX; \
	KMOVW        AX, ODD

// CLEAR_ALL leaves nothing of a secret in the vector registers.
#define CLEAR_ALL \
	VZEROALL; \
	CLEAR(Y16); CLEAR(Y17); CLEAR(Y18); CLEAR(Y19); \
	CLEAR(Y20); CLEAR(Y21); CLEAR(Y22); CLEAR(Y23); \
	CLEAR(Y24); CLEAR(Y25); CLEAR(Y26); CLEAR(Y27); CLEAR(Y28)

#define FOUR(name, n) \
	DATA name+0(SB)/8, n; \
	DATA name+8(SB)/8, n; \
	DATA name+16(SB)/8, n; \
	DATA name+24(SB)/8, n; \
	GLOBL name(SB), RODATA|NOPTR, $32

FOUR(·nineteen, $19)

// 256p, of which limb 0 is different: more than any limb that MULTIPLY makes.
FOUR(·many0, $0x07ffffffffffed00)
DATA ·many+0(SB)/8, $0x07ffffffffffff00
GLOBL ·many(SB), RODATA|NOPTR, $8
DATA ·mask+0(SB)/8, $0x0007ffffffffffff
GLOBL ·mask(SB), RODATA|NOPTR, $8

// a24 = (486662 - 2) / 4, in lane 1. RFC 7748, Sections 4.1 and 5.
DATA ·a24+0(SB)/8, $0
DATA ·a24+8(SB)/8, $121665
DATA ·a24+16(SB)/8, $0
DATA ·a24+24(SB)/8, $0
GLOBL ·a24(SB), RODATA|NOPTR, $32

// Which of A, B, C and D are the first factors, and which the second ones. With 2 added modulo 4
// the points change places.
DATA ·first+0(SB)/8, $0
DATA ·first+8(SB)/8, $1
DATA ·first+16(SB)/8, $0
DATA ·first+24(SB)/8, $1
GLOBL ·first(SB), RODATA|NOPTR, $32
DATA ·second+0(SB)/8, $0
DATA ·second+8(SB)/8, $1
DATA ·second+16(SB)/8, $3
DATA ·second+24(SB)/8, $2
GLOBL ·second(SB), RODATA|NOPTR, $32

// func registers(all *[32][4]uint64)
TEXT ·registers(SB), NOSPLIT, $0-8
	MOVQ all+0(FP), DI
	STORE(DI, Y0, Y1, Y2, Y3, Y4)
	ADDQ $160, DI
	STORE(DI, Y5, Y6, Y7, Y8, Y9)
	ADDQ $160, DI
	STORE(DI, Y10, Y11, Y12, Y13, Y14)
	ADDQ $160, DI
	STORE(DI, Y15, Y16, Y17, Y18, Y19)
	ADDQ $160, DI
	STORE(DI, Y20, Y21, Y22, Y23, Y24)
	ADDQ $160, DI
	STORE(DI, Y25, Y26, Y27, Y28, Y29)
	VMOVDQU64 Y30, 160(DI)
	VMOVDQU64 Y31, 192(DI)
	VZEROUPPER
	RET

// func multiply(c, a, b *vector)
TEXT ·multiply(SB), NOSPLIT, $0-24
	MOVQ c+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	LOAD_CONSTANTS
	LOAD(SI, A0, A1, A2, A3, A4)
	LOAD(DX, B0, B1, B2, B3, B4)
	MULTIPLY
	STORE(DI, C0, C1, C2, C3, C4)
	CLEAR_ALL
	VZEROUPPER
	RET

// func carry(c *vector)
TEXT ·carry(SB), NOSPLIT, $0-8
	MOVQ c+0(FP), DI
	LOAD_CONSTANTS
	LOAD(DI, C0, C1, C2, C3, C4)
	CARRY(C0, C1, C2, C3, C4)
	STORE(DI, C0, C1, C2, C3, C4)
	CLEAR_ALL
	VZEROUPPER
	RET

#define FIRST K2  // lanes 0 and 1
#define LAST K3   // lanes 2 and 3
#define BEHIND K4 // lanes 1 to 3

// SUM sets the lanes of c to c0+c1, c0-c1, c2+c3, c2-c3. many is that limb of 256p.
#define SUM(c, many, t) \
	VPSHUFD $0x4e, c, t; \
	VPSUBQ  c, many, ODD, c; \
	VPADDQ  t, c, c

// SUM_BEHIND sets the lanes of a to c0, c0-c1, c2+c3, c2-c3, and those of w to c1, c0, c3, c2.
#define SUM_BEHIND(c, many, a, w) \
	VPSHUFD   $0x4e, c, w; \
	VPSUBQ    c, many, ODD, c; \
	VMOVDQA64 c, a; \
	VPADDQ    w, c, BEHIND, a

// CHOOSE sets a and b to the lanes of c that W0 and W1 name.
#define CHOOSE(c, a, b) \
	VPERMQ c, W0, a; \
	VPERMQ c, W1, b

// JOIN sets b to lanes 0 and 1 of c, and lanes 2 and 3 of p; a to lanes 2 and 3 of c.
#define JOIN(c, p, a, b) \
	VMOVDQA64 c, LAST, a; \
	VMOVDQA64 c, b; \
	VMOVDQU64 p, LAST, b

// func ladder(points *vector, scalar *[4]uint64, factors *vector)
TEXT ·ladder(SB), NOSPLIT, $0-24
	MOVQ  points+0(FP), DI
	MOVQ  scalar+8(FP), SI
	MOVQ  factors+16(FP), R8
	LOAD_CONSTANTS
	MOVL  $0b0011, AX
	KMOVW AX, FIRST
	MOVL  $0b1100, AX
	KMOVW AX, LAST
	MOVL  $0b1110, AX
	KMOVW AX, BEHIND
	LOAD(DI, C0, C1, C2, C3, C4)
	XORL  DX, DX
	MOVL  $254, CX

step:
	MOVQ         CX, AX
	SHRQ         $6, AX
	MOVQ         (SI)(AX*8), BX
	SHRQ         CX, BX
	ANDL         $1, BX
	XORL         BX, DX
	ADDL         DX, DX
	VPBROADCASTQ DX, W1
	VPXORQ       ·first(SB), W1, W0
	VPXORQ       ·second(SB), W1, W1
	MOVL         BX, DX

	// The sums and differences of the coordinates, and their choice.
	SUM(C0, MANY0, C5)
	SUM(C4, MANY, C9)
	SUM(C1, MANY, C6)
	SUM(C2, MANY, C7)
	SUM(C3, MANY, C8)
	CARRY(C0, C1, C2, C3, C4)
	CHOOSE(C1, A1, B1)
	CHOOSE(C2, A2, B2)
	CHOOSE(C3, A3, B3)
	CHOOSE(C4, A4, B4)
	CHOOSE(C0, A0, B0)
	MULTIPLY

	// AA, E, DA+CB, DA-CB, and BB and AA in W.
	SUM_BEHIND(C0, MANY0, A0, W0)
	SUM_BEHIND(C4, MANY, A4, W4)
	SUM_BEHIND(C1, MANY, A1, W1)
	SUM_BEHIND(C2, MANY, A2, W2)
	SUM_BEHIND(C3, MANY, A3, W3)
	CARRY(A0, A1, A2, A3, A4)
	VMOVDQA64.Z A1, LAST, B1
	VMOVDQA64.Z A2, LAST, B2
	VMOVDQA64.Z A3, LAST, B3
	VMOVDQA64.Z A4, LAST, B4
	VMOVDQA64.Z A0, LAST, B0
	VPADDQ      ·a24(SB), B0, B0
	MULTIPLY

	// BB and AA + a24·E in lanes 0 and 1.
	VPADDQ W0, C0, FIRST, C0
	VPADDQ W4, C4, FIRST, C4
	VPADDQ W1, C1, FIRST, C1
	VPADDQ W2, C2, FIRST, C2
	VPADDQ W3, C3, FIRST, C3
	CARRY(C0, C1, C2, C3, C4)
	JOIN(C1, 32(R8), A1, B1)
	JOIN(C2, 64(R8), A2, B2)
	JOIN(C3, 96(R8), A3, B3)
	JOIN(C4, 128(R8), A4, B4)
	JOIN(C0, (R8), A0, B0)
	MULTIPLY

	SUBL $1, CX
	JGE  step
	CARRY(C0, C1, C2, C3, C4)
	STORE(DI, C0, C1, C2, C3, C4)
	CLEAR_ALL
	VZEROUPPER
	XORL AX, AX
	XORL BX, BX
	XORL DX, DX
	RET

#define LANES(name, a, b, c, d) \
	DATA name+0(SB)/8, a; \
	DATA name+8(SB)/8, b; \
	DATA name+16(SB)/8, c; \
	DATA name+24(SB)/8, d; \
	GLOBL name(SB), RODATA|NOPTR, $32

LANES(·straight, $0, $1, $2, $3)
LANES(·swapStraight, $1, $1, $0, $0)
LANES(·left, $2, $1, $3, $1)  // G E F E
LANES(·swapLeft, $1, $0, $1, $0)
LANES(·right, $0, $3, $2, $0) // H F G H
LANES(·swapRight, $0, $1, $1, $0)
LANES(·neutral, $1, $1, $2, $0)

#define SECOND K4 // lane 1

// SUM_FIRST sets the lanes of a to c0+c1, c0-c1, c2, c3.
#define SUM_FIRST(c, many, a, t) \
	VPSHUFD   $0x4e, c, t; \
	VMOVDQA64 c, a; \
	VPSUBQ    c, many, SECOND, a; \
	VPADDQ    t, a, FIRST, a

// START sets A to y+x, y-x, z and t of the point in C.
#define START \
	SUM_FIRST(C0, MANY0, A0, C5); \
	SUM_FIRST(C4, MANY, A4, C9); \
	SUM_FIRST(C1, MANY, A1, C6); \
	SUM_FIRST(C2, MANY, A2, C7); \
	SUM_FIRST(C3, MANY, A3, C8); \
	CARRY(A0, A1, A2, A3, A4)

// FINISH makes a point of the products with an addend.
#define FINISH \
	SUM(C0, MANY0, C5); \
	SUM(C4, MANY, C9); \
	SUM(C1, MANY, C6); \
	SUM(C2, MANY, C7); \
	SUM(C3, MANY, C8); \
	CARRY(C0, C1, C2, C3, C4); \
	CHOOSE(C1, A1, B1); \
	CHOOSE(C2, A2, B2); \
	CHOOSE(C3, A3, B3); \
	CHOOSE(C4, A4, B4); \
	CHOOSE(C0, A0, B0); \
	MULTIPLY

#define LOAD_MASKS \
	LOAD_CONSTANTS; \
	MOVL  $0b0011, AX; \
	KMOVW AX, FIRST; \
	MOVL  $0b0010, AX; \
	KMOVW AX, SECOND

// PICK adds multiple n to B if the digit is n: Y15 has the digit less n-1, Y12 -1 and Y13 0.
#define PICK(n) \
	VPADDQ     Y12, Y15, Y15; \
	VPCMPEQQ   Y13, Y15, Y14; \
	VPTERNLOGQ $0xf8, (160*n-160)(SI), Y14, B0; \
	VPTERNLOGQ $0xf8, (160*n-128)(SI), Y14, B1; \
	VPTERNLOGQ $0xf8, (160*n-96)(SI), Y14, B2; \
	VPTERNLOGQ $0xf8, (160*n-64)(SI), Y14, B3; \
	VPTERNLOGQ $0xf8, (160*n-32)(SI), Y14, B4

// func add(point *vector, rows *[32]row, digits *int8)
TEXT ·add(SB), NOSPLIT, $0-24
	MOVQ point+0(FP), DI
	MOVQ rows+8(FP), SI
	MOVQ digits+16(FP), R8
	LOAD_MASKS
	LOAD(DI, C0, C1, C2, C3, C4)
	MOVL $32, CX

digit:
	START
	MOVBQSX      (R8), AX
	MOVQ         AX, BX
	SARQ         $63, BX
	XORQ         BX, AX
	SUBQ         BX, AX
	VPBROADCASTQ BX, W2
	VPANDQ       ·swapLeft(SB), W2, W0
	VPANDQ       ·swapRight(SB), W2, W1
	VPANDQ       ·swapStraight(SB), W2, W2
	VPXORQ       ·left(SB), W0, W0
	VPXORQ       ·right(SB), W1, W1
	VPXORQ       ·straight(SB), W2, W2

	VPBROADCASTQ AX, Y15
	VPCMPEQQ     Y12, Y12, Y12
	VPXOR        Y13, Y13, Y13
	VPCMPEQQ     Y13, Y15, Y14
	VPANDQ       ·neutral(SB), Y14, B0
	CLEAR(B1)
	CLEAR(B2)
	CLEAR(B3)
	CLEAR(B4)
	PICK(1)
	PICK(2)
	PICK(3)
	PICK(4)
	PICK(5)
	PICK(6)
	PICK(7)
	PICK(8)
	VPERMQ       B1, W2, B1
	VPERMQ       B2, W2, B2
	VPERMQ       B3, W2, B3
	VPERMQ       B4, W2, B4
	VPERMQ       B0, W2, B0
	MULTIPLY
	FINISH

	ADDQ $2, R8
	ADDQ $1280, SI
	SUBL $1, CX
	JNZ  digit
	STORE(DI, C0, C1, C2, C3, C4)
	CLEAR_ALL
	VZEROUPPER
	XORL AX, AX
	XORL BX, BX
	RET

// func double(point, factors *vector, times int)
TEXT ·double(SB), NOSPLIT, $0-24
	MOVQ point+0(FP), DI
	MOVQ factors+8(FP), SI
	MOVQ times+16(FP), CX
	LOAD_MASKS
	LOAD(DI, C0, C1, C2, C3, C4)

again:
	START
	LOAD(SI, B0, B1, B2, B3, B4)
	MULTIPLY
	CARRY(C0, C1, C2, C3, C4)
	VMOVDQA64 C0, B0
	VMOVDQA64 C1, B1
	VMOVDQA64 C2, B2
	VMOVDQA64 C3, B3
	VMOVDQA64 C4, B4
	MULTIPLY
	VMOVDQU64 ·left(SB), W0
	VMOVDQU64 ·right(SB), W1
	FINISH
	SUBQ $1, CX
	JNZ  again
	STORE(DI, C0, C1, C2, C3, C4)
	CLEAR_ALL
	VZEROUPPER
	RET
