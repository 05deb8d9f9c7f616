// Package packet provides the packet sockets of Linux for package socket: the
// frames of an interface, with the link-layer header (type Raw) or without it
// ("cooked", type Datagram). Opening one needs the capability CAP_NET_RAW.
//
// Memory-mapped rings and AF_XDP are not supported: they are shared-memory
// interfaces and not socket calls.
package packet
