// Package rds is reliable datagram sockets for package socket: messages that
// arrive, from one IP address and port to another, over TCP or InfiniBand. A
// socket is bound to an address of this machine and reaches every other one.
package rds
