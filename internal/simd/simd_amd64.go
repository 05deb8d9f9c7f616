//go:build !purego

package simd

import "golang.org/x/sys/cpu"

func clearUpper() {
	if cpu.X86.HasAVX {
		zeroUpper()
	}
}

func upperInUse() (used, ok bool) {
	const (
		tells = 1 << 2 // bit of leaf 13.1 of CPUID: XGETBV has register 1
		upper = 1 << 2 // state component
	)
	if !cpu.X86.HasAVX || extendedState()&tells == 0 {
		return false, false
	}
	return stateInUse()&upper != 0, true
}

// zeroUpper is VZEROUPPER.
func zeroUpper()

// extendedState returns EAX of leaf 13.1 of CPUID.
func extendedState() uint32

// stateInUse returns the lower half of register 1 of XGETBV: the state components in use.
func stateInUse() uint32
