// Package reuse lends memory for the time of a call, and remembers what costs much to make.
//
// What a function value is called with escapes to the heap, though the call keeps nothing of
// it. A handshake makes a dozen such calls. They take their memory from a [Pool] instead.
// What goes back is zero, so that nothing of one connection reaches another, and nothing that
// it pointed to is kept.
//
// A [Recent] holds what can be computed from public values and serves several connections. A
// [Once] holds one such value for all. A [Later] is the place of a value that some need.
package reuse
