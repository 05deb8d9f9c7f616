//go:build amd64 && !purego && !standardgcm

#include "go_asm.h"
#include "textflag.h"
#include "vector_amd64.h"

// The reversal of the bytes of a block, in four lanes.
DATA ·reverse+0(SB)/8, $0x08090a0b0c0d0e0f
DATA ·reverse+8(SB)/8, $0x0001020304050607
DATA ·reverse+16(SB)/8, $0x08090a0b0c0d0e0f
DATA ·reverse+24(SB)/8, $0x0001020304050607
DATA ·reverse+32(SB)/8, $0x08090a0b0c0d0e0f
DATA ·reverse+40(SB)/8, $0x0001020304050607
DATA ·reverse+48(SB)/8, $0x08090a0b0c0d0e0f
DATA ·reverse+56(SB)/8, $0x0001020304050607
GLOBL ·reverse(SB), RODATA|NOPTR, $64

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

// What is added to counters. A counter is the low 32 bits of a reversed block
// and wraps there, as it must. NIST SP 800-38D, Section 6.2. The first is the step to the next
// 32 blocks, the second to the next four, and the last makes 2 to 5 of the counter 0.
DATA ·step+0(SB)/8, $32
DATA ·step+8(SB)/8, $0
DATA ·step+16(SB)/8, $32
DATA ·step+24(SB)/8, $0
DATA ·step+32(SB)/8, $32
DATA ·step+40(SB)/8, $0
DATA ·step+48(SB)/8, $32
DATA ·step+56(SB)/8, $0
GLOBL ·step(SB), RODATA|NOPTR, $64

DATA ·four+0(SB)/8, $4
DATA ·four+8(SB)/8, $0
DATA ·four+16(SB)/8, $4
DATA ·four+24(SB)/8, $0
DATA ·four+32(SB)/8, $4
DATA ·four+40(SB)/8, $0
DATA ·four+48(SB)/8, $4
DATA ·four+56(SB)/8, $0
GLOBL ·four(SB), RODATA|NOPTR, $64

DATA ·next+0(SB)/8, $2
DATA ·next+8(SB)/8, $0
DATA ·next+16(SB)/8, $3
DATA ·next+24(SB)/8, $0
DATA ·next+32(SB)/8, $4
DATA ·next+40(SB)/8, $0
DATA ·next+48(SB)/8, $5
DATA ·next+56(SB)/8, $0
GLOBL ·next(SB), RODATA|NOPTR, $64

// The counter 1, not reversed.
DATA ·one+0(SB)/8, $0
DATA ·one+8(SB)/8, $0x0100000000000000
GLOBL ·one(SB), RODATA|NOPTR, $16

// The last bytes of 32 counters from 2 on, in blocks that are not reversed and zero otherwise.
// What comes after 31 is 0 and 1.
DATA ·offsets+8(SB)/8, $0x0200000000000000
DATA ·offsets+24(SB)/8, $0x0300000000000000
DATA ·offsets+40(SB)/8, $0x0400000000000000
DATA ·offsets+56(SB)/8, $0x0500000000000000
DATA ·offsets+72(SB)/8, $0x0600000000000000
DATA ·offsets+88(SB)/8, $0x0700000000000000
DATA ·offsets+104(SB)/8, $0x0800000000000000
DATA ·offsets+120(SB)/8, $0x0900000000000000
DATA ·offsets+136(SB)/8, $0x0a00000000000000
DATA ·offsets+152(SB)/8, $0x0b00000000000000
DATA ·offsets+168(SB)/8, $0x0c00000000000000
DATA ·offsets+184(SB)/8, $0x0d00000000000000
DATA ·offsets+200(SB)/8, $0x0e00000000000000
DATA ·offsets+216(SB)/8, $0x0f00000000000000
DATA ·offsets+232(SB)/8, $0x1000000000000000
DATA ·offsets+248(SB)/8, $0x1100000000000000
DATA ·offsets+264(SB)/8, $0x1200000000000000
DATA ·offsets+280(SB)/8, $0x1300000000000000
DATA ·offsets+296(SB)/8, $0x1400000000000000
DATA ·offsets+312(SB)/8, $0x1500000000000000
DATA ·offsets+328(SB)/8, $0x1600000000000000
DATA ·offsets+344(SB)/8, $0x1700000000000000
DATA ·offsets+360(SB)/8, $0x1800000000000000
DATA ·offsets+376(SB)/8, $0x1900000000000000
DATA ·offsets+392(SB)/8, $0x1a00000000000000
DATA ·offsets+408(SB)/8, $0x1b00000000000000
DATA ·offsets+424(SB)/8, $0x1c00000000000000
DATA ·offsets+440(SB)/8, $0x1d00000000000000
DATA ·offsets+456(SB)/8, $0x1e00000000000000
DATA ·offsets+472(SB)/8, $0x1f00000000000000
DATA ·offsets+488(SB)/8, $0x0000000000000000
DATA ·offsets+504(SB)/8, $0x0100000000000000
GLOBL ·offsets(SB), RODATA|NOPTR, $512

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
	VMOVDQU X0, (16*i)(R8)

// func expand128(rounds *[15][16]byte, key *byte)
TEXT ·expand128(SB), NOSPLIT, $0-16
	MOVQ    rounds+0(FP), R8
	MOVQ    key+8(FP), SI
	VMOVDQU (SI), X0
	VMOVDQU X0, (R8)
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
	VMOVDQU X0, (16*i)(R8)

#define ODD_256(i) \
	VAESKEYGENASSIST $0, X0, X2; \
	VPSHUFD $0xaa, X2, X2; \
	SPREAD(X1); \
	VPXOR   X2, X1, X1; \
	VMOVDQU X1, (16*i)(R8)

// func expand256(rounds *[15][16]byte, key *byte)
TEXT ·expand256(SB), NOSPLIT, $0-16
	MOVQ    rounds+0(FP), R8
	MOVQ    key+8(FP), SI
	VMOVDQU (SI), X0
	VMOVDQU 16(SI), X1
	VMOVDQU X0, (R8)
	VMOVDQU X1, 16(R8)
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

// func encrypt(rounds *[15][16]byte, wide uint64, dst, src *byte)
TEXT ·encrypt(SB), NOSPLIT, $0-32
	MOVQ    rounds+0(FP), R8
	MOVQ    wide+8(FP), R11
	MOVQ    dst+16(FP), DI
	MOVQ    src+24(FP), SI
	VMOVDQU (SI), X0
	VPXOR   (R8), X0, X0
	VAESENC 16(R8), X0, X0
	VAESENC 32(R8), X0, X0
	VAESENC 48(R8), X0, X0
	VAESENC 64(R8), X0, X0
	VAESENC 80(R8), X0, X0
	VAESENC 96(R8), X0, X0
	VAESENC 112(R8), X0, X0
	VAESENC 128(R8), X0, X0
	VAESENC 144(R8), X0, X0
	TESTQ   R11, R11
	JZ      narrow
	VAESENC 160(R8), X0, X0
	VAESENC 176(R8), X0, X0
	VAESENC 192(R8), X0, X0
	VAESENC 208(R8), X0, X0

narrow:
	VAESENCLAST 224(R8), X0, X0
	VMOVDQU     X0, (DI)
	RET

// NEXT_POWERS multiplies x by y.
#define NEXT_POWERS(y, x) \
	VMOVDQA64 x, Z10; \
	MULTIPLY(y, Z10); \
	REDUCE; \
	VMOVDQA64 HI, x

// derivePowers encrypts the zero block to H, multiplies it by y once, and
// stores H^16 … H^1 in that form.
//
// func derivePowers(s *state)
TEXT ·derivePowers(SB), NOSPLIT, $0-8
	MOVQ s+0(FP), R8
	MOVQ state_wide(R8), R11
	LOAD_KEYS
	VPXOR X0, X0, X0
	ENCRYPT(Z0, narrow)
	VPSHUFB ·reverse(SB), X0, X0

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

	// From H to H^2, from both to four powers in Z2, from these to H^8 … H^5 in Z1.
	VMOVDQA      X0, X10
	MULTIPLY(Z0, Z10)
	REDUCE
	VSHUFI32X4   $0, Z15, Z15, Z1
	VINSERTI128  $1, X0, Y15, Y2
	VMOVDQA      Y2, Y10
	MULTIPLY(Z1, Z10)
	REDUCE
	VINSERTI64X4 $1, Y2, Z15, Z2
	VMOVDQU64    Z2, (state_powers+192)(R8)
	VSHUFI32X4   $0, Z15, Z15, Z1
	NEXT_POWERS(Z2, Z1)
	VMOVDQU64    Z1, (state_powers+128)(R8)
	VSHUFI32X4   $0, Z1, Z1, Z0
	NEXT_POWERS(Z0, Z2)
	VMOVDQU64    Z2, (state_powers+64)(R8)
	NEXT_POWERS(Z0, Z1)
	VMOVDQU64    Z1, state_powers(R8)
	VZEROUPPER
	RET

// STORE_EIGHT stores eight powers, the higher four from a, and the sums of their halves.
#define STORE_EIGHT(off, a, b) \
	VMOVDQU64 a, (table_powers+off)(DI); \
	VMOVDQU64 b, (table_powers+off+64)(DI); \
	HALVES(a, b, Z10, Z11); \
	VMOVDQU64 Z10, (table_halves+off/2)(DI)

// deriveTable copies H^16 … H^1 and goes on to H^32.
//
// func deriveTable(s *state, t *table)
TEXT ·deriveTable(SB), NOSPLIT, $0-16
	MOVQ s+0(FP), R8
	MOVQ t+8(FP), DI
	VMOVDQU64 (state_powers+128)(R8), Z1
	VMOVDQU64 (state_powers+192)(R8), Z2
	STORE_EIGHT(384, Z1, Z2)
	VSHUFI32X4 $0, Z1, Z1, Z0
	VMOVDQU64 state_powers(R8), Z1
	VMOVDQU64 (state_powers+64)(R8), Z2
	STORE_EIGHT(256, Z1, Z2)
	NEXT_POWERS(Z0, Z1)
	NEXT_POWERS(Z0, Z2)
	STORE_EIGHT(128, Z1, Z2)
	NEXT_POWERS(Z0, Z1)
	NEXT_POWERS(Z0, Z2)
	STORE_EIGHT(0, Z1, Z2)
	VZEROUPPER
	RET
