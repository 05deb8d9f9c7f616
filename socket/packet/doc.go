// Package packet is Linux's packet sockets for package socket: frames as they
// are on an interface, with their link-layer header (type Raw) or without it
// ("cooked", type Datagram). Opening one needs the capability CAP_NET_RAW.
//
// Memory-mapped rings and AF_XDP are left out: they are not calls on a socket
// but shared memory with a protocol of its own.
package packet
