// Package staple adds OCSP responses to the identities of a server and refreshes them, so
// that clients learn that a certificate is not revoked without asking its authority (RFC
// 6066, Section 8). A [Stapler] stands between a Config and the source of its identities:
//
//	stapler, err := staple.New(reloader, staple.Options{})
//	cfg := &sealsock.Config{Source: stapler}
//
// It has no goroutine of its own to stop: a handshake finds that a response is to
// be refreshed, and is not delayed by that. A response is asked for again in the second
// half of its validity, at a time that differs between servers. One that cannot be
// refreshed is sent until it expires, and no longer. It is verified before it is sent, and
// only one that calls the certificate good is sent.
package staple
