package socket

import (
	"maps"

	"golang.org/x/sys/unix"
)

// withOwn adds what FreeBSD has and macOS does not.
func withOwn(m map[string]OptionNumber) map[string]OptionNumber {
	maps.Copy(m, map[string]OptionNumber{
		"SO_SETFIB": at(unix.SO_SETFIB), "SO_USER_COOKIE": at(unix.SO_USER_COOKIE),
		"SO_REUSEPORT_LB": at(unix.SO_REUSEPORT_LB), "SO_PROTOCOL": at(soProtocol), "SO_DOMAIN": at(soDomain),
	})
	return m
}

// soDomain is SO_DOMAIN of sys/socket.h.
const soDomain = 0x1019
