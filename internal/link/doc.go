// Package link carries reliable, ordered streams of bytes between the members of a room,
// through a relay that may lose, repeat, reorder and change messages. A stream survives any
// number of failures of the relay and of the connections to it, as long as both processes
// live.
//
// A [Hub] is one member. It keeps a connection to the relay, and has a [Conn] for each other
// member. A Conn is a net.Conn. TLS belongs on top of it: a link authenticates its packets, so
// that the relay cannot disturb a stream, but encrypts nothing.
//
// # The packets
//
// A packet is the payload of a message of the relay:
//
//	type 1 byte      data, ack, fin or reset
//	flags 1 byte     1: bytes before those received last are missing
//	count 8 bytes    of the packets before it, from this member to that one
//	number 8 bytes   of the first byte of data, or of the end
//	ack 8 bytes      all bytes before this number were received
//	limit 8 bytes    bytes before this number may be sent
//	data             at most 32 KiB with all of the other fields
//	tag 16 bytes     HMAC-SHA256 over sender, receiver and all of the above, truncated
//
// Numbers are big-endian and count the bytes of the stream from 0; its end counts as one
// byte. Full packets are acknowledged together. What is not acknowledged is sent again: after
// a while, when the receiver misses something, and when a connection to the relay was
// replaced. A receiver takes the next byte and drops the others. The count, which no packet
// shares with another, detects what the relay lost, repeated or reordered.
package link
