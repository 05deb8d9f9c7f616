// Package hyperv provides the sockets between a Hyper-V host and its virtual
// machines, for package socket on Windows: streams to a service of a machine,
// both identified by GUIDs. Linux machines use package vsock for the same
// sockets.
package hyperv
