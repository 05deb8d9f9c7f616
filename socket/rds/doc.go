// Package rds provides reliable datagram sockets for package socket: messages
// from one IP address and port to another, over TCP or InfiniBand, with
// guaranteed delivery. A socket is bound to an address of this machine and can
// send to every other address.
package rds
