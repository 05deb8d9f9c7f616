// Package sealsock provides encrypted sockets: TLS 1.3 and 1.2, by an engine of its own,
// over any connection the operating system has, and DTLS 1.3 and 1.2 over datagrams.
//
// # Connections
//
// [Dial] connects to an address, proves the server and returns a [Conn], which
// is a [net.Conn] whose peer is already trusted or refused. [Listen] returns a
// [Listener] of such connections. An address without a scheme is TCP host:port;
// package address lists the others.
//
//	conn, err := sealsock.Dial(ctx, "example.com:443", nil)
//
// [Client] and [Server] encrypt an existing connection of any kind. A [Dialer] connects
// many times with one Config, through a proxy or after an upgrade from plaintext.
//
// # Trust and identity
//
// A nil [Config] and the zero Config are safe: a client accepts servers that the
// system's authorities vouch for, by the name that was dialled, and a server
// needs a certificate before it serves. [Config].Trust verifies the peer (see
// package trust), and [Config].Identities are this side's certificates (see package
// identity; package authority makes certificates for a private network).
//
// # What is different from crypto/tls
//
// The engine (package engine) does no input or output, so it can be driven from
// an event loop as well; a deadline that passes during a handshake, a read or a
// write is not the end of the connection; a connection that is cut is an error
// and never an orderly end; errors report which side is at fault and what to do. An
// existing [crypto/tls.Config] becomes a Config by [FromStandard].
package sealsock
