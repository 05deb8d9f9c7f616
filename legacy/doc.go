// Package legacy connects to old peers that support only insecure protocols:
// TLS 1.0 and 1.1, suites with CBC or triple DES, and RSA key exchange, in both
// roles.
//
// The other packages of this module reject these with an error that names this
// package. The protocol is implemented by crypto/tls. Config.Trust verifies
// certificates and names, as in the rest of the module.
//
// # Weaknesses
//
// [Conn.Weaknesses] lists the weaknesses of a connection, and [Conn.Describe]
// includes them in a one-line description. Programs should show that line to
// their user. A connection without weaknesses does not need this package.
//
// # Fields of Config
//
// This package uses these fields of [sealsock.Config]: Trust, ServerName,
// Identities, Source, SelectIdentity, ClientAuth, ALPN, MinVersion, MaxVersion,
// CipherSuites, Groups, HandshakeTimeout, Now, Rand and KeyLog, and a Listener
// MaxHandshakes, MaxHandshakesPerAddress, Prologue and OnHandshakeError. A field
// that would make the connection safer and cannot be honored is an error. Other
// fields are ignored. MinVersion 0 means TLS 1.0, and a nil CipherSuites means
// all suites of crypto/tls except those with RC4.
package legacy
