// Package keys is the TLS 1.3 key schedule (RFC 9846, Section 7.1) as a chain
// of types: EarlySecret, HandshakeSecret, MasterSecret. The methods of each
// stage are its only legal derivations, so a secret of one stage cannot be made
// from another's by mistake.
//
// Secrets never print: whatever the verb, package fmt shows "[redacted]".
package keys
