// Package inet provides IPv4 and IPv6 for package socket: addresses with flow
// information and scope, the options of IP, IPv6 and TCP, multicast groups,
// [CreateConnection], which tries every address of a name, and [CreateServer],
// which accepts IPv6 and IPv4 on one port.
//
// Packages for other protocols between IP addresses, such as SCTP and UDP-Lite,
// are a [Transport] and its options.
package inet
