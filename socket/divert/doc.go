// Package divert provides the divert sockets of FreeBSD for package socket. A
// firewall rule diverts packets to a program, which may modify and reinject
// them.
package divert
