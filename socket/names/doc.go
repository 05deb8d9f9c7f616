// Package names is names and addresses for package socket: hosts, services and
// protocols both ways, addresses as text and as bytes, byte order, interfaces,
// and this machine's name.
//
// The functions are thin and have the names that getaddrinfo(3) and its siblings
// have, for those who look for them; lookups go through package net's resolver.
// What package net and net/netip do better is used directly: netip.ParseAddr
// reads an address, net.Resolver asks for records.
package names
