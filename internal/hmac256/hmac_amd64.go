//go:build !purego && !standardhmac

package hmac256

import "crypto/fips140"

// enabled is whether this processor has what the assembly needs. In FIPS 140 mode the module
// has its own HMAC.
var enabled = hasSHA() && !fips140.Enabled()

// hasSHA reports whether the processor has SSSE3, SSE4.1 and the SHA extensions, which
// golang.org/x/sys/cpu does not know all of.
func hasSHA() bool

// initial is what SHA-256 begins with. FIPS 180-4, Section 5.3.3.
//
//lint:ignore U1000 the assembly uses it
var initial = state{
	0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667, 0x5be0cd19, 0x1f83d9ab, 0xa54ff53a, 0x3c6ef372,
}

// setBoth sets a key from its two blocks.
//
//go:noescape
func setBoth(k *Key, in, out *[BlockSize]byte)

// sum writes the HMAC of a message that has its end already.
//
//go:noescape
func sum(k *Key, out *[Size]byte, p *byte, blocks int)

// sumBoth writes the HMACs of two messages of one block, which have their ends.
//
//go:noescape
func sumBoth(k *Key, out1, out2 *[Size]byte, p1, p2 *Room)
