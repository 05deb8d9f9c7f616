// Package simd ends the use of vector registers by code that leaves them as they are.
//
// On x86-64, AVX code has to end in VZEROUPPER: as long as the upper halves of the registers
// are in use, each SSE instruction of that thread keeps them, and waits for the instruction
// before it. SHA-256 then takes many times as long, until other AVX code ends properly. The
// assembly of github.com/cloudflare/circl for ML-KEM and ML-DSA does not end so.
package simd

// ClearUpper sets the upper halves of the vector registers of this thread to zero. It costs
// a few cycles.
func ClearUpper() { clearUpper() }

// UpperInUse reports whether the upper halves of the vector registers of this thread are in
// use. ok is false if the processor does not tell.
func UpperInUse() (used, ok bool) { return upperInUse() }
