// Package udplite provides UDP-Lite (RFC 3828) for package socket: datagrams
// whose checksum may cover only a prefix. A receiver that tolerates errors in
// the rest still gets the datagram.
package udplite
