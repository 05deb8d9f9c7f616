// Package legacy is the door to peers that speak nothing safe: TLS 1.0 and 1.1,
// suites with CBC or triple DES, and RSA key exchange, in both roles.
//
// The other packages of this module refuse all of that, and say so in an error
// that names this one. What this package does is done by crypto/tls; trust,
// names and certificates are decided as everywhere else, by Config.Trust.
//
// # What is weak
//
// Whoever opens this door should know what comes in. [Conn.Weaknesses] says in
// words what is weak about a connection, and [Conn.Describe] puts it into the
// line that describes it: show that line. A connection that has no weakness does
// not need this package.
//
// # Which fields of Config count
//
// Of [sealsock.Config] these have a meaning here: Trust, ServerName, Identities,
// SelectIdentity, ClientAuth, ALPN, MinVersion, MaxVersion, CipherSuites, Groups,
// HandshakeTimeout, Now, Rand and KeyLog. Fields that would make a connection
// safer and cannot be kept are an error. The rest is ignored. MinVersion 0 means
// TLS 1.0, and CipherSuites nil means all that crypto/tls has, but for RC4.
package legacy
