// Package sctp provides the stream control transmission protocol for package
// socket, in its one-to-one style: each connection has a socket, as with TCP.
// Messages are read as a stream.
package sctp
