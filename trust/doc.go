// Package trust verifies peers by their certificates and keys.
//
// A TLS engine passes what the peer sent, as bytes, in a [Peer]; a [Policy]
// returns the peer's public key in a [Result], or an [*Error] with the
// certificate at fault, what was expected, and what to do about it. The zero
// Policy is safe: it accepts a server whose certificate leads to one of the
// system's roots, is inside its dates, and has the expected name.
//
// # What is checked
//
// Every certificate of the path is inside its dates, is signed by the next,
// may sign (except the leaf), keeps the name constraints and path lengths of
// those above it, and serves the purpose. RSA keys have 2,048 to 8,192 bits
// and signatures use SHA-256 or better: there is no switch for that, since the
// engine supports nothing weaker. The name is looked for among the subject
// alternative names only; see [MatchName] for the rules.
//
// # Name constraints
//
// Constraints on DNS names, IP addresses, e-mail addresses, URIs and directory names
// hold whether the extension is critical or not. A directory name is compared without
// regard to case, string type, spaces and invisible characters (RFC 5280, Section 7.1). A
// name of another form is refused where an authority above constrains that form. An
// authority's constraints bind all certificates below it except self-issued ones that
// are not the leaf (RFC 5280, Section 6.1.3).
//
// # Revocation
//
// A revocation takes precedence over any other answer, and a list that cannot be used
// is never treated as no list. This table decides for each certificate that is checked:
//
//	                                   at hand  prefer  require
//	a source revokes it                refuse   refuse  refuse
//	a source is current and does not   accept   accept  accept
//	a given list cannot be used        refuse   refuse  refuse
//	another source cannot be used      accept   accept  refuse
//	no source                          accept   accept  refuse
//
// The first row that applies counts; [RevocationOff] accepts always. The sources are
// the stapled response, the given lists and, except at hand, responders and lists on
// the network, which are asked one after the other until one answers.
//
// A list or response revokes a certificate for good if its signature is the issuer's,
// also when it is out of date, of the future, a delta, or about some certificates
// only: RFC 5280, Section 3.3, keeps an entry on the list until the certificate
// expires. Only a certificate that is on hold may come off the list again, so that for
// holds the newest current list of each scope counts, with its delta.
//
// A given list cannot be used if it is out of date, not signed by the issuer, about
// other certificates, or in a file of a hashed directory that cannot be read. Files and
// other directories are read at once, and a list that is broken, indirect, without
// CRLNumber, or has an unknown critical extension is an error then. A list that was
// read stays in use until it expires if its file is damaged later.
//
// A leaf that is itself a root, or is accepted by its key, has no issuer in a path. It
// is looked up in the given lists, and [RevocationRequire] refuses it without one. With
// [Revocation.WholeChain] the root is looked up in the given lists too, and refused if
// one revokes it.
//
// # Remembered paths
//
// Checking a path costs one signature per certificate, and a server or a busy
// client receives the same chain many times. [Roots] therefore remembers up
// to a few hundred paths that it built, under a SHA-256 of the purpose and of
// all bytes the peer sent. This is sound because what is remembered is exactly
// what cannot change: a signature, a name constraint, a path length, a purpose
// and a critical extension depend on nothing but the certificates, and the
// certificates are fixed by the hash (theirs) and by the set of roots, which
// forgets its paths when a root is added (ours). What can change is checked
// each time: dates, names, pins, depth, revocation and the caller's own
// callback. Only success is remembered, so a peer that is not trusted cannot
// fill the memory; a path whose dates have passed is built anew, since another
// may have become valid. Where the operating system decides (the system roots
// on Windows and macOS) nothing is remembered, since its decision may change.
package trust
