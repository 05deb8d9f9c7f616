// Package stream puts the engine over a [net.Conn]. It is the only place with
// locks, deadlines and a read loop.
//
// A [Conn] is full duplex: one goroutine may read while another writes, and
// neither waits for the other. What the reading side wants sent, such as the
// answer to a key update, goes into a mailbox that the writing side empties
// before its next record.
//
// Records are read and written in batches, several for each system call. The
// buffers for them come from a pool and go back as soon as nothing is in them:
// on TCP and UNIX sockets an idle connection holds none.
package stream
