// Package mptcp provides multipath TCP for package socket: a TCP connection
// that uses several paths at once, and falls back to TCP with a peer that does
// not support it.
package mptcp
