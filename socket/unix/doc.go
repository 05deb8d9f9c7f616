// Package unix is UNIX-domain sockets for package socket: stream, datagram and
// seqpacket, named by a path or in Linux's abstract name space, with the peer's
// credentials.
//
// Open files travel over them with socket.Socket's SendFDs and RecvFDs.
package unix
