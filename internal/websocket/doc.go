// Package websocket carries a stream of bytes in the binary messages of a WebSocket
// (RFC 6455), as a net.Conn over another one.
//
// A Close frame with the status 1000, or with none, ends one direction, as close_notify
// does for TLS: Read returns io.EOF, and the answer to the frame waits for CloseWrite or
// Close. Any other end is an error. RFC 6455, Section 5.5.1, allows an endpoint to send
// the rest of a message before its answer; a peer that closes the connection at once
// loses what was under way, and is told so by an error.
//
// The boundaries of messages have no meaning, and text is read as bytes. There are no
// extensions and no subprotocols.
//
// # Limits
//
// The head of a request or response has at most 16 KiB. A message of any size is read in
// pieces. A ping is answered once, however many arrive while this side cannot write.
package websocket
