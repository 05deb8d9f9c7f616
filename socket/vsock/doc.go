// Package vsock provides the sockets between a virtual machine and its host,
// for package socket: stream and seqpacket connections to a context and a port,
// without a network.
package vsock
