// Package stream runs the engine over a [net.Conn]. It is the only place with
// locks, deadlines and a read loop. Package sealsock documents the methods of a [Conn] for
// their users; the comments here are about how they work.
//
// A [Conn] is full duplex: one goroutine may read while another writes, and
// neither waits for the other. What the reading side has to send, such as the
// answer to a key update, goes into a mailbox that the writing side empties
// before its next record.
//
// Records are read and written in batches, several for each system call. The
// buffers for them come from a pool and return to it as soon as they are empty:
// on TCP and UNIX sockets an idle connection holds none.
package stream
