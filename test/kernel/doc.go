// Package kernel tests that every socket family works. It boots Debian's stock
// kernel, which has all of them, in a small virtual machine by software
// emulation, and runs the families' own tests there, with Python's socket
// module and a few of Debian's tools as their peers.
//
// make peers installs qemu with apt and stores the kernel and the peers, about
// 100 MB, in the user's cache folder. Without them the test is skipped with a
// message. If the environment variable SEALSOCK_PEERS is "require", it installs
// and downloads what is missing itself, and fails if it cannot.
//
// With -race, the tests in the machine use the race detector too and take
// several times as long.
//
// The test fails unless the tests of each family cover every aspect: a round
// trip, cancellation of waits, addresses, options, ancillary data, errors, TLS,
// a foreign peer. The counts are in docs/sockets.md, where -update writes them.
//
// skips.txt lists the tests that may skip in the machine, each with its reason.
package kernel
