//go:build !freebsd

package divert

// number is negative: only FreeBSD has divert sockets.
const number = -1
