// Package udplite is UDP-Lite (RFC 3828) for package socket: datagrams whose
// checksum may cover only their beginning, so that damage further on reaches
// the receiver, who can do with it.
package udplite
