//go:build !purego

#include "textflag.h"

// func zeroUpper()
TEXT ·zeroUpper(SB), NOSPLIT, $0-0
	VZEROUPPER
	RET

// func extendedState() uint32
TEXT ·extendedState(SB), NOSPLIT, $0-4
	MOVL $13, AX
	MOVL $1, CX
	CPUID
	MOVL AX, ret+0(FP)
	RET

// func stateInUse() uint32
TEXT ·stateInUse(SB), NOSPLIT, $0-4
	MOVL $1, CX
	XGETBV
	MOVL AX, ret+0(FP)
	RET
