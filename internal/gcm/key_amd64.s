//go:build amd64 && !purego && !standardgcm

#include "go_asm.h"
#include "textflag.h"
#include "vector_amd64.h"

// The reversal of the bytes of a block.
DATA ·reverse+0(SB)/8, $0x08090a0b0c0d0e0f
DATA ·reverse+8(SB)/8, $0x0001020304050607
GLOBL ·reverse(SB), RODATA|NOPTR, $16

// The modulus without y^128, four times. Its high half is what REDUCE needs.
DATA ·modulus+0(SB)/8, $1
DATA ·modulus+8(SB)/8, $0xc200000000000000
DATA ·modulus+16(SB)/8, $1
DATA ·modulus+24(SB)/8, $0xc200000000000000
DATA ·modulus+32(SB)/8, $1
DATA ·modulus+40(SB)/8, $0xc200000000000000
DATA ·modulus+48(SB)/8, $1
DATA ·modulus+56(SB)/8, $0xc200000000000000
GLOBL ·modulus(SB), RODATA|NOPTR, $64

// Added to four counter blocks 1: the counters 2 to 5, and from then on the
// step to the next four. The counter is the low 32 bits of a reversed block
// and wraps there, as it must. NIST SP 800-38D, Section 6.2.
DATA ·next+0(SB)/8, $1
DATA ·next+8(SB)/8, $0
DATA ·next+16(SB)/8, $2
DATA ·next+24(SB)/8, $0
DATA ·next+32(SB)/8, $3
DATA ·next+40(SB)/8, $0
DATA ·next+48(SB)/8, $4
DATA ·next+56(SB)/8, $0
GLOBL ·next(SB), RODATA|NOPTR, $64

DATA ·step+0(SB)/8, $4
DATA ·step+8(SB)/8, $0
GLOBL ·step(SB), RODATA|NOPTR, $16

// SPREAD turns words a b c d into a, a+b, a+b+c, a+b+c+d.
#define SPREAD(x) \
	VPSLLDQ $4, x, X3; \
	VPXOR   X3, x, x; \
	VPSLLDQ $8, x, X3; \
	VPXOR   X3, x, x

// NEXT_128 makes round key i from the one before it.
#define NEXT_128(i, constant) \
	VAESKEYGENASSIST $constant, X0, X2; \
	VPSHUFD $0xff, X2, X2; \
	SPREAD(X0); \
	VPXOR   X2, X0, X0; \
	VMOVDQU X0, (state_rounds+16*i)(R8)

// func expand128(s *state, key *byte)
TEXT ·expand128(SB), NOSPLIT, $0-16
	MOVQ    s+0(FP), R8
	MOVQ    key+8(FP), SI
	VMOVDQU (SI), X0
	VMOVDQU X0, state_rounds(R8)
	NEXT_128(1, 0x01)
	NEXT_128(2, 0x02)
	NEXT_128(3, 0x04)
	NEXT_128(4, 0x08)
	NEXT_128(5, 0x10)
	NEXT_128(6, 0x20)
	NEXT_128(7, 0x40)
	NEXT_128(8, 0x80)
	NEXT_128(9, 0x1b)
	NEXT_128(14, 0x36) // the last, wherever it comes
	RET

// EVEN_256 and ODD_256 make round key i from the two before it.
#define EVEN_256(i, constant) \
	VAESKEYGENASSIST $constant, X1, X2; \
	VPSHUFD $0xff, X2, X2; \
	SPREAD(X0); \
	VPXOR   X2, X0, X0; \
	VMOVDQU X0, (state_rounds+16*i)(R8)

#define ODD_256(i) \
	VAESKEYGENASSIST $0, X0, X2; \
	VPSHUFD $0xaa, X2, X2; \
	SPREAD(X1); \
	VPXOR   X2, X1, X1; \
	VMOVDQU X1, (state_rounds+16*i)(R8)

// func expand256(s *state, key *byte)
TEXT ·expand256(SB), NOSPLIT, $0-16
	MOVQ    s+0(FP), R8
	MOVQ    key+8(FP), SI
	VMOVDQU (SI), X0
	VMOVDQU 16(SI), X1
	VMOVDQU X0, state_rounds(R8)
	VMOVDQU X1, (state_rounds+16)(R8)
	EVEN_256(2, 0x01)
	ODD_256(3)
	EVEN_256(4, 0x02)
	ODD_256(5)
	EVEN_256(6, 0x04)
	ODD_256(7)
	EVEN_256(8, 0x08)
	ODD_256(9)
	EVEN_256(10, 0x10)
	ODD_256(11)
	EVEN_256(12, 0x20)
	ODD_256(13)
	EVEN_256(14, 0x40)
	RET

// derivePowers encrypts the zero block to H, multiplies it by y once, and
// stores H^16 … H^1 in that form.
//
// func derivePowers(s *state)
TEXT ·derivePowers(SB), NOSPLIT, $0-8
	MOVQ s+0(FP), R8
	MOVQ state_wide(R8), R11
	LOAD_CONSTANTS
	VPXOR X0, X0, X0
	ENCRYPT(Z0, narrow)
	VPSHUFB X6, X0, X0

	// Doubling the integer multiplies by y; a bit that leaves it at the top
	// comes back as the modulus. No branch: H is secret.
	VPSRAD  $31, X0, X1
	VPSHUFD $0xff, X1, X1
	VPAND   ·modulus(SB), X1, X1
	VPSRLQ  $63, X0, X2
	VPSLLDQ $8, X2, X2
	VPADDQ  X0, X0, X0
	VPXOR   X2, X0, X0
	VPXOR   X1, X0, X0

	VMOVDQA X0, X8
	MOVQ    $240, CX
powers:
	VMOVDQU X8, state_powers(R8)(CX*1)
	MULTIPLY(Z0, Z8)
	REDUCE
	VMOVDQA X14, X8
	SUBQ    $16, CX
	JCC     powers
	VZEROUPPER
	RET
