// Package p256 signs and verifies with ECDSA over P-256 in about half of the time of
// crypto/ecdsa.
//
// # Why it exists
//
// Signing is a quarter of a server's work in a handshake. The point arithmetic of the
// standard library is fast, but crypto/ecdsa adds as much again: a generator of random bits
// after SP 800-90A, arithmetic modulo the order of the curve for numbers of any size, and 58
// allocations. This package has the same point arithmetic, from filippo.io/nistec, and
// arithmetic modulo the order for four words alone.
//
// Verifying is a third of a client's work. Most of it is a product of the peer's key, whose
// 256 doublings depend on nothing but the key. A client that connects to the same servers
// again and again needs them once: the third valid signature of a key makes a table of its
// multiples. There is one for at most 32 keys, in 800 KB. What verifies signatures at other
// times than before tells whether the key was in use lately, and nothing else.
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
// the inverse: its argument is the nonce times a random number that is used once, and the
// product reveals nothing about the nonce. Verifying has no secrets, and is in variable time.
//
// Programs in FIPS 140 mode use crypto/ecdsa. To have it everywhere, build with
//
//	go build -tags standardp256
//
// Such a program does not link filippo.io/nistec, whose table of multiples of the base point alone
// has 88 KB.
//
// # How it is proved
//
//   - The vectors of RFC 6979, Appendix A.2.5, with their nonces.
//   - crypto/ecdsa verifies signatures under random keys and the least and greatest ones, over
//     digests of all lengths that TLS has, and refuses each with another digest.
//   - Wycheproof's vectors are verified with a table and without one, and a fuzz target
//     compares with crypto/ecdsa.
//   - Sums of products are compared with single products, also for equal and opposite points.
//   - The arithmetic is compared with math/big, for random numbers and those at the limits.
package p256
