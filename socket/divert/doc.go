// Package divert is the divert sockets of FreeBSD for package socket: packets
// that a firewall rule hands to a program, which may change them and put them
// back.
package divert
