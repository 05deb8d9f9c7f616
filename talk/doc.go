// Package talk is a room of 2 to 50 members who talk through a relay that can read nothing.
//
// # What protects the room
//
// An [Invitation] has the address of the relay and a secret of 32 random bytes, which the
// relay does not learn. Only who has it can join. From it follow, by HKDF, the number of the
// room, the key that protects packets against changes, and a pre-shared key.
//
// Each pair of members has a TLS 1.3 connection of its own through the relay, with that
// pre-shared key, imported for the two identifiers (RFC 9258), and an ephemeral key
// exchange: a later theft of the secret reveals nothing of what was sent. The member with
// the lower identifier is the server. TLS 1.3 has no certificates together with pre-shared
// keys, so each side proves its Ed25519 key within the connection: it signs a value that is
// exported from it, with its role and its name. Records are padded, so that the relay sees
// only few sizes.
//
// # Who the others are
//
// Who has the invitation may still call itself by another's name. Keys are therefore
// remembered by name, in a file of known peers, and a name with another key is refused. To
// verify a key the first time, two members compare the words of [Member]: they agree if
// no other is between the two. A commitment to a random number precedes them, so that one who
// is between them has a single guess of 1 in 2^40 and cannot try many.
//
// # Delivery
//
// What a member sends arrives at each other member once and in order, also over failures of
// the relay and of the connections to it, as long as both processes live. [Room.Close]
// reports what was not acknowledged.
package talk
