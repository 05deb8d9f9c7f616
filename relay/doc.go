// Package relay forwards opaque messages between the members of rooms. It is the meeting
// point of programs that cannot reach each other, and it need not be trusted: what the
// members send is encrypted and authenticated between them (package talk does so).
//
// # What a relay learns
//
// The numbers of rooms, which tell nothing about an invitation; the network addresses of
// the members; and when and how much they send to whom. It keeps nothing, logs no contents,
// and cannot read, change or add anything that the members would accept.
//
// # The protocol
//
// Client and relay exchange messages of package message over a connection, which should be
// encrypted, so that only the relay learns the above. The first byte is the [Kind]:
//
//	to the relay     join          version 1, room 32 bytes, token 16 bytes
//	                 send          member 16 bytes, payload
//	                 ping
//	from the relay   welcome       the other members, 16 bytes each
//	                 deliver       member 16 bytes, payload
//	                 joined        member 16 bytes
//	                 left          member 16 bytes
//	                 undeliverable member 16 bytes
//	                 pong
//	                 error         code 1 byte
//
// A client sends join first, and once. It is answered with welcome. The identifier of a
// member is a hash of its room and its token, which the other members do not learn. A
// client that joins with the same token takes the member's place, and the older connection
// ends. So a member keeps its identifier when its connection fails.
//
// The relay delivers messages of one sender in order, but may lose some: those to a member
// that is not connected, and those to a member that reads too slowly. The sender is told
// with undeliverable if the relay knows. Sender and receiver have to count and to repeat.
//
// # Where rooms live
//
// A [Server] serves clients; the rooms are in a [Bus]. [NewMemory] returns the one that
// keeps them in the process. An embedded message broker would add its memory, its port and
// its configuration to every relay, and would be of use only to those that consist of
// several processes. These can implement Bus over a broker that they have.
package relay
