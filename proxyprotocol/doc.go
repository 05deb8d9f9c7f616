// Package proxyprotocol reads and writes headers of the PROXY protocol, versions 1 and 2,
// by which a proxy or load balancer tells a server whose connection it passes on.
//
// The header is the first thing on a connection, in front of TLS:
//
//	cfg.Prologue = func(ctx context.Context, raw net.Conn) (net.Conn, error) {
//		conn, _, err := proxyprotocol.Accept(ctx, raw)
//		return conn, err
//	}
//
// The specification is HAProxy's proxy-protocol.txt.
//
// # Security
//
// The sender of a header chooses the address that the server sees. Accept one only from
// the addresses of your own proxies, and never from clients. The specification forbids a
// server to guess: a connection on which a header is expected and does not come is an
// error.
//
// # Limits
//
// A header has at most 107 bytes in version 1, and in version 2 at most MaxLength bytes
// behind the first 16. Nothing behind it is read. Time is bounded by the context.
package proxyprotocol
