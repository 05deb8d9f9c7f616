// Package hyperv is the sockets between a Hyper-V host and its machines, for
// package socket on Windows: streams to a machine and a service, both named by
// GUIDs. Linux machines meet them as package vsock.
package hyperv
