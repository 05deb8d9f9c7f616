// Package trust decides whom to accept.
//
// A TLS engine hands over what the peer sent, as bytes, in a [Peer]; a
// [Policy] answers with the peer's public key in a [Result], or with an
// [*Error] that says which certificate is at fault, what was expected, and
// what to do about it. The zero Policy is safe: it accepts a server whose
// certificate leads to one of the system's roots, is inside its dates, and
// carries the expected name.
//
// # What is checked
//
// Every certificate of the path is inside its dates, is signed by the next,
// may sign (except the leaf), keeps the name constraints and path lengths of
// those above it, and serves the purpose. RSA keys have 2,048 to 8,192 bits
// and signatures use SHA-256 or better: there is no switch for that, since the
// engine speaks nothing weaker. The name is looked for among the subject
// alternative names only; see [MatchName] for the rules.
//
// # Remembered paths
//
// Checking a path costs one signature per certificate, and a server or a busy
// client sees the same chain again and again. [Roots] therefore remembers up
// to a few hundred paths that it built, under a SHA-256 of the purpose and of
// all bytes the peer sent. This is sound because what is remembered is exactly
// what cannot change: a signature, a name constraint, a path length, a purpose
// and a critical extension depend on nothing but the certificates, and the
// certificates are fixed by the hash (theirs) and by the set of roots, which
// forgets its paths when a root is added (ours). What can change is checked
// each time: dates, names, pins, depth, revocation and the caller's own
// callback. Only success is remembered, so a peer that nobody trusts cannot
// fill the memory; a path whose dates have passed is built anew, since another
// may have become valid. Where the operating system decides (the system roots
// on Windows and macOS) nothing is remembered, since it may change its mind.
package trust
