// Package gcm is AES-GCM for TLS records, at the speed that the vector
// instructions of current x86-64 processors allow.
//
// # Why it exists
//
// Sealing and opening records is nearly all of the work of a TLS connection
// that moves data. The standard library's AES-GCM encrypts one block per
// instruction. Processors with VAES and VPCLMULQDQ can encrypt two, and with
// AVX-512 four, which no Go library made use of when this was written; here,
// records of 16 KiB take about half the time, and with AVX-512 little more than a
// third. Everything else this module encrypts with comes from the standard library
// or golang.org/x/crypto.
//
// # What it relies on
//
// The assembly runs only if the processor and the operating system have all
// it needs: AES, PCLMULQDQ, AVX2, VAES and VPCLMULQDQ, as processors have since
// AMD's Zen 3 and Intel's Alder Lake. With AVX-512 F, VL, BW and DQ and BMI2
// a variant of twice the width runs. Anywhere else, and in a program that runs
// in FIPS 140 mode, [New] returns the standard library's AES-GCM. To have the
// standard library's everywhere, build with
//
//	go build -tags standardgcm
//
// or run with GODEBUG=cpu.avx2=off; GODEBUG=cpu.avx512vl=off
// has the narrower variant. The tag purego does it too, but takes
// the standard library's own assembly away as well.
//
// Time and memory accesses depend on lengths alone: the processor's AES and
// carry-less multiplication take the place of tables, and nothing branches on
// a key, a hash or a plaintext. Tags are compared as two numbers, by
// one branch on their whole difference. A plaintext that fails authentication is
// cleared before Open returns, as in the standard library. A key takes 512 bytes, and
// with AVX-512 another 768 from its first message of more than 240 bytes on.
//
// # How it works
//
// Encryption takes 32 counter blocks, in eight registers, through AES together.
// Meanwhile 32 blocks of ciphertext (the 32 before when sealing, the same 32 when
// opening) are multiplied by H^32 … H^1 and added up, and the sum is reduced once.
// Each product takes three multiplications instead of four, by the way of Karatsuba:
// a multiplication of four blocks occupies a unit of the processor that AES needs, and
// the additions that replace it do not. For the same reason the counters of the 32 blocks
// are made from one by adding constants.
// What is left at the end goes through the same steps four blocks at a time, the last of
// them behind masks that keep every load and store inside its slice. vector_amd64.h has the
// arithmetic. The very last byte may be elsewhere in memory than the rest, so that a record
// of TLS 1.3 needs no copy of its content: see [Records].
//
// The variant for AVX2 does the same with eight blocks, and takes what is left
// at the end from eight blocks of keystream, a block at a time. All that is
// left may be elsewhere in memory there. avx2_amd64.h has its steps.
//
// # How it is proved
//
//   - The test cases of the GCM specification (McGrew and Viega).
//   - Comparison with crypto/cipher: every length from 0 to 1,200 bytes, and
//     longer ones past each byte of the counter that a record can reach and
//     further; every length of additional data to 48; every alignment; in
//     place and out of place; and a fuzz target for the rest.
//   - Every bit of a tag and every byte of ciphertext and additional data
//     altered in turn: an error each time, and the output cleared.
//   - Keys, nonces, inputs and outputs that end where readable memory ends,
//     and that start where it starts.
package gcm
