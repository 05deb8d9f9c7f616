// Package tunnel puts TLS in front of plaintext services, or behind plaintext clients, and moves
// live connections from one process to another, so that a service that is upgraded ends none.
//
// # Tunnels
//
// A [Config] describes tunnels: where each listens, how it encrypts on either side, which
// backends it has, and who may connect. It is plain data; [Load] reads it from a file in TOML and
// finds all mistakes with their lines and columns. A [Server] runs it:
//
//	cfg, err := tunnel.Load("seal.toml")
//	s, err := tunnel.New(cfg, tunnel.Options{Log: slog.Default()})
//	err = s.Listen(ctx)
//	err = s.Serve(ctx)
//
// The Server forwards both directions of a connection beside each other. The end of one passes
// to the other side as the end of that direction alone. A direction that fails cuts both
// connections, with an alert or a reset, so that neither side takes what it has for the whole.
//
// # Moving a connection
//
// Two processes of the service are connected by a UNIX socket. The old one calls [Send] for
// each of its connections, the new one [Receive]:
//
//	old process                             new process
//	                  < a random token for the next connection
//	descriptor, state and application data >
//	                  < one byte: it was taken over
//
// The state is sealed to the token and bound to the socket whose descriptor travels with it;
// [sealsock.Conn.HandOver] describes both. A program that can read or change
// what passes over the UNIX socket can take the connections over, so it must be a pair of
// sockets that only the two processes have, or a path in a folder that only the service's
// user may enter.
//
// A connection is in one process at any time. If either process ends during the transfer,
// the connection continues in the new one, if that had received it, and is cut otherwise: its
// peer sees an end without close_notify.
package tunnel
