// Package vectors contains only tests: it reproduces published traces, which
// exercise the key schedule and the record layer together, byte for byte.
//
// testdata/rfc8448.txt holds the traces of RFC 8448, Sections 3 to 7: for each,
// in order, the ephemeral private keys, every record that either side sends,
// and the secrets, keys and IVs that the RFC derives. A name stands on a line of
// its own, its value in hexadecimal digits on the indented lines below.
package vectors
