// Package keys implements the TLS 1.3 key schedule (RFC 9846, Section 7.1) as a
// chain of types: EarlySecret, HandshakeSecret, MasterSecret. The methods of
// each stage are the only derivations that the RFC permits for it, so a secret
// cannot be derived from the wrong stage. It also implements the key derivation
// of TLS 1.2.
//
// Secrets are never printed: package fmt shows "[redacted]" for every verb.
package keys
