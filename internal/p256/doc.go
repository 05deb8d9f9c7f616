// Package p256 signs with ECDSA over P-256 in about half of the time of crypto/ecdsa.
//
// # Why it exists
//
// Signing is a quarter of a server's work in a handshake. The point arithmetic of the
// standard library is fast, but crypto/ecdsa adds as much again: a generator of random bits
// after SP 800-90A, arithmetic modulo the order of the curve for numbers of any size, and 58
// allocations. This package has the same point arithmetic, from filippo.io/nistec, and
// arithmetic modulo the order for four words alone.
//
// # What it relies on
//
// The nonce is hedged: the hash of the private key, of random bytes and of the digest. A
// random source that fails, or that repeats itself, does not reveal the key, and a fault in
// one of two equal signatures does not either if the source works. The hash is SHA-512,
// twice as long as the order, so that its remainder has no bias.
//
// The nonce is multiplied by [nistec.P256Point.ScalarBaseMult], whose time and memory
// accesses do not depend on it, and so do those of the arithmetic here. The one exception is
// the inverse, by math/big: its argument is the nonce times a random number that is used
// once, and the product reveals nothing about the nonce.
//
// Programs in FIPS 140 mode use crypto/ecdsa. To have it everywhere, build with
//
//	go build -tags standardp256
//
// Signatures are verified by crypto/ecdsa, whose time is that of the point arithmetic.
//
// # How it is proved
//
//   - The vectors of RFC 6979, Appendix A.2.5, with their nonces.
//   - crypto/ecdsa verifies signatures under random keys and the least and greatest ones, over
//     digests of all lengths that TLS has, and refuses each with another digest.
//   - The arithmetic is compared with math/big, for random numbers and those at the limits.
package p256
