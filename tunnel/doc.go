// Package tunnel moves live connections from one process to another, so that a service that
// is upgraded or restarted ends none of them.
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
