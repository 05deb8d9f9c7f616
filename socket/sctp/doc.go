// Package sctp is the stream control transmission protocol for package socket,
// in its one-to-one style: a connection is a socket, as with TCP. Its messages
// are read as a stream.
package sctp
