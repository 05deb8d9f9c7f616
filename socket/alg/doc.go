// Package alg is the kernel's cryptography for package socket: hashes, ciphers,
// authenticated encryption and random numbers, named as in /proc/crypto. It is
// for what Go does not have, for hardware that only the kernel reaches, and for
// checking one implementation with another; Go's own packages are faster for
// what they have.
//
// Data goes to the kernel through sockets, without being copied where it comes
// from a file ([Hash.ReadFile]).
package alg
