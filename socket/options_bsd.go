//go:build darwin || freebsd

package socket

import "golang.org/x/sys/unix"

// lingerField is the type of the fields of struct linger.
type lingerField int32

func at(name int) OptionNumber { return OptionNumber{unix.SOL_SOCKET, name} }

var optionNumbers = withOwn(map[string]OptionNumber{
	"SO_ACCEPTCONN": at(unix.SO_ACCEPTCONN), "SO_BROADCAST": at(unix.SO_BROADCAST), "SO_DEBUG": at(unix.SO_DEBUG),
	"SO_DONTROUTE": at(unix.SO_DONTROUTE), "SO_ERROR": at(unix.SO_ERROR), "SO_KEEPALIVE": at(unix.SO_KEEPALIVE),
	"SO_LINGER": at(unix.SO_LINGER), "SO_OOBINLINE": at(unix.SO_OOBINLINE), "SO_RCVBUF": at(unix.SO_RCVBUF),
	"SO_RCVLOWAT": at(unix.SO_RCVLOWAT), "SO_RCVTIMEO": at(unix.SO_RCVTIMEO), "SO_REUSEADDR": at(unix.SO_REUSEADDR),
	"SO_REUSEPORT": at(unix.SO_REUSEPORT), "SO_SNDBUF": at(unix.SO_SNDBUF), "SO_SNDLOWAT": at(unix.SO_SNDLOWAT),
	"SO_SNDTIMEO": at(unix.SO_SNDTIMEO), "SO_TIMESTAMP": at(unix.SO_TIMESTAMP), "SO_TYPE": at(unix.SO_TYPE),
	"SO_USELOOPBACK": at(unix.SO_USELOOPBACK),
})
