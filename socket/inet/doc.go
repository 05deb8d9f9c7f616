// Package inet is IPv4 and IPv6 for package socket: their addresses with flow
// information and scope, the options of IP, IPv6 and TCP, multicast groups, and
// the two ways in which most programs make sockets: [CreateConnection], which
// tries every address of a name, and [CreateServer], which takes IPv6 and IPv4
// on one port.
//
// Packages for other protocols between IP addresses, such as SCTP and UDP-Lite,
// are a [Transport] and its options.
package inet
