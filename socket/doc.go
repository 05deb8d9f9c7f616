// Package socket opens any socket that the operating system has and runs it on
// Go's own poller.
//
// Package net knows TCP, UDP, IP and UNIX-domain sockets. Here is one type,
// [Socket], for every (family, type, protocol) that socket(2) takes. The
// families themselves are small packages below this one: each brings a
// [Family], its address type, and the options and messages that only it has.
//
// # Waiting
//
// Each call that may wait takes a context, obeys the deadlines set with
// [Socket.SetDeadline] and its siblings, and returns at once when the socket is
// closed. Waiting costs no thread on Linux, macOS and FreeBSD: the descriptor
// is registered with the runtime's poller. [Socket.NonBlocking] is a view whose
// calls return [ErrWouldBlock] instead.
//
// Cancelling one call's context does not affect other calls on the same socket.
//
// # Views
//
// A Socket is a [net.Conn]. [Socket.Listener] makes a [net.Listener] of a
// listening one and [Socket.PacketConn] a [net.PacketConn] of one that carries
// datagrams. They are types of their own, because a net.Conn that is also a
// net.PacketConn confuses code that tests for one of the two.
//
// # Errors
//
// Every error is a *[net.OpError], except [io.EOF] at the end of a stream. A
// family that the kernel lacks is an *[UnsupportedError] inside it, which names
// the family, the module to load and the system, and which
// errors.Is([errors.ErrUnsupported]) recognises.
//
// # Ownership
//
// Buffers given to a call belong to the caller again when it returns. The
// package keeps no reference to them. Send and Recv allocate nothing.
package socket
