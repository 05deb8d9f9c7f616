// Package vsock is the sockets between a virtual machine and its host, for
// package socket: streams and seqpacket connections to a context and a port,
// with no network between them.
package vsock
