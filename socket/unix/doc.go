// Package unix provides UNIX-domain sockets for package socket: stream,
// datagram and seqpacket, named by a path or in Linux's abstract name space,
// with the credentials of the peer.
//
// The methods SendFDs and RecvFDs of socket.Socket transfer open files.
package unix
