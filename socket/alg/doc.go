// Package alg provides the cryptography of the Linux kernel through package
// socket: hashes, ciphers, authenticated encryption and random numbers, named
// as in /proc/crypto. Use it for algorithms that Go lacks, for hardware that
// only the kernel can access, and to check one implementation against another.
// The packages of the standard library are faster for the algorithms that they
// implement.
//
// Data is sent to the kernel through sockets, without a copy if it comes from a
// file ([Hash.ReadFile]).
package alg
