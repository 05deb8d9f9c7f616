// Package kernel holds one test: that every socket family works. It boots
// Debian's stock kernel, which has all of them, in a small virtual machine by
// software emulation, and runs the families' own tests there, with Python's
// socket module and a few of Debian's tools as their peers.
//
// The test installs qemu with apt where it may, and keeps what it downloads in
// the user's cache folder. Where it cannot run it says what is left out, and
// fails if the environment variable SEALSOCK_PEERS is "require".
//
// With -race, the tests in the machine have the race detector too; they take
// several times as long then.
//
// The test fails unless each family has shown all that it can show: a round trip,
// waiting and its end, addresses, options, ancillary data, refusals, TLS, a
// foreign peer. The counts are in docs/sockets.md, where -update writes them.
//
// skips.txt lists the tests that may skip in the machine, each with its reason.
package kernel
