// Package message sends and receives whole messages over a connection, such as a
// [github.com/sealsock/sealsock.Conn].
//
// # The format
//
// A stream of messages is, for each message,
//
//	4 bytes   the length of the message in bytes, big-endian, unsigned
//	n bytes   the message
//
// and nothing else: no type, no padding, no end mark. A length of 0 is an empty message.
// A receiver has a limit and ends the connection when a length exceeds it. The stream
// may end only between two messages; an end within one means that it was cut.
//
// A client in another language is a few lines: see examples/message.
package message
