// Package natsfleet shares ticket keys, the memory of 0-RTT attempts and rate limits between
// servers over NATS, so that they are one server for their clients.
//
// Each server of a fleet is a [Member]. They have a secret in common, which NATS does not have:
//
//	secret, err := fleet.ReadSecret("fleet.secret")
//	member, err := natsfleet.Join(conn, secret, natsfleet.Options{})
//	cfg.Tickets = sealsock.SealTickets(member, nil)
//	cfg.AntiReplay = member
//
// NATS needs JetStream. Members with the same secret are a fleet; the names of buckets and
// subjects follow from the secret, so that several fleets can use one NATS server.
//
// # Ticket keys
//
// The keys are random. A member that finds none, or an old one, makes the next key and stores
// the list in a key/value bucket, if no other member was faster. The list is encrypted and
// authenticated (XChaCha20-Poly1305) with a key that follows from the secret. A new key seals
// tickets only when the others have had the time to learn it. A member that finds fewer keys
// than it knows, because NATS lost data, stores those that it knows.
//
// # 0-RTT attempts
//
// An attempt is accepted if its name could be created in a bucket that remembers it for two
// minutes: JetStream creates a name once. The name is a keyed hash. An attempt is refused, and the
// data comes again after the handshake, if there is any doubt: without an answer of NATS within a
// second, if the clock of the member differs by more than 5 seconds from that of NATS, and for a
// minute after a connection to NATS was made, because NATS may have lost what it did not store.
// The bucket is bounded; when it is full, attempts are refused.
//
// This relies on NATS: a server of NATS that removes names lets attempts be repeated, and so does a
// client in the same account that may subscribe to the subjects of the bucket, and answers before
// JetStream does. Give the members an account of their own. The ticket keys do not rely on it: NATS
// cannot read or make them, though one that shows a wrong time delays the next key, or has it made
// early. With three servers or more, set [Options].Replicas to 3.
//
// # Rate limits
//
// A member counts the connections of a network, and tells the others several times a second how
// many there were, encrypted and authenticated with the secret. So a limit can be exceeded by
// what arrives at the other members meanwhile, and no connection waits for an answer.
//
// # Without NATS
//
// A member that has lost NATS is careful, and serves its clients: it accepts no 0-RTT data, seals
// tickets with keys of its own, which only it opens, and counts its own connections. It still
// opens the tickets of the fleet. When NATS is back, the keys of the fleet seal again.
package natsfleet
