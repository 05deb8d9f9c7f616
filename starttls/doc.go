// Package starttls asks the other side of a plaintext connection to go over to TLS, in the
// way that the application protocol defines.
//
// Client plays the protocol's client until the server is ready for a ClientHello, Server
// the other side until the client is about to send one. Both return with the connection
// exactly at the boundary:
//
//	raw, err := net.Dial("tcp", "mail.example.com:587")
//	err = starttls.Client(ctx, raw, "smtp", "mail.example.com")
//	conn, err := sealsock.Client(raw, &sealsock.Config{ServerName: "mail.example.com"})
//
// With sealsock.Dialer.Connect the upgrade is a part of Dial.
//
// # Security
//
// An attacker on the network can read and change everything before TLS, and can claim that
// the server does not offer TLS. Client therefore never falls back: a server
// that does not upgrade is an error. Neither side reads a byte behind the last message of
// the upgrade. Plaintext that an attacker puts there reaches the TLS handshake, which
// refuses it; it is never taken for something that came over TLS (CVE-2011-0411).
//
// # Limits
//
// A peer may send at most 64 KiB and 8 KiB a line before TLS. Time is bounded by the
// context.
package starttls
