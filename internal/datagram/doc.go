// Package datagram runs connections of DTLS over sockets: it has the locks, the deadlines
// and the clock that the engine does not have.
//
// A [Conn] is one connection. That of a client has a socket of its own, which who waits for a
// message reads, or else a goroutine. Those of a server share a socket, which a [Mux] divides by
// the addresses of the peers. A connection that is open has no goroutine there and no buffer: the
// goroutine of the Mux gives it each datagram, and a message waits in a buffer only until it is
// read. The timers of all connections of a Mux are in one heap.
//
// Handshakes compute, so each runs in the goroutine that calls Handshake.
package datagram
