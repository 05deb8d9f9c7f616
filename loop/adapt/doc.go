// Package adapt connects package sealsock to the event loop of another library, which
// reads and writes the sockets and has goroutines of its own. The modules below contrib
// do so for gnet, nbio and netpoll. A program that has no such loop uses package loop.
//
// An [Endpoint] has a Config and a [Handler]. The program makes a [Conn] for each
// connection of the library, with a [Transport] that writes to it, and tells the Conn
// what happens: Receive for bytes that came, Closed for the end.
//
//	e, err := adapt.NewServer(cfg, handler)
//	c, err := e.NewConn(transport) // when the library has accepted a connection
//	c.Receive(b)                   // when it has read b
//	c.Closed(err)                  // when the connection is gone
//
// An idle Conn costs no goroutine and no buffer. After some quiet seconds it gives back the
// memory of its keys, which the next record makes again. A signature of the handshake is made on
// the goroutine that calls Receive; an answer that may take time, such as the verification
// of a certificate, on another one, while the connection rests. Config.HandshakeTimeout
// applies. The limits of a Listener on the number of handshakes do not: the library
// accepts the connections. 0-RTT data is not supported.
package adapt
