// Package hmac256 is HMAC-SHA-256 for the key schedule of TLS, with the SHA instructions of
// x86-64 processors.
//
// # Why it exists
//
// Both ends of a handshake compute some fifty HMACs, nearly all of a key of 32 bytes and a
// message of one block. That is four applications of the compression function, of which two
// depend on the key alone. crypto/sha256 starts from nothing for each hash, and
// crypto/hmac allocates what it remembers of a key. A [Key] here is the two states after the
// pads, on the stack of its caller. Two values that are derived from one secret are computed
// together: each SHA instruction waits for the one before, and the processor has room for a
// second chain beside it.
//
// # What it relies on
//
// The assembly runs only if the processor has the instructions: AMD's since Zen, Intel's since
// Ice Lake. Anywhere else, and in FIPS 140 mode, Set reports false, and the caller uses the
// standard library. To have the standard library's everywhere, build with
//
//	go build -tags standardhmac
//
// The tag purego does it too. Time and memory accesses depend on lengths alone.
//
// # How it is proved
//
//   - The flags that the operating system knows of the processor, where it tells them: without the
//     instructions there is nothing to test.
//   - Vectors of RFC 4231.
//   - crypto/hmac for all lengths of keys and messages, and a fuzz target.
//   - The key schedule of RFC 8448 (package test/vectors), which runs on it.
package hmac256
