package socket

import "golang.org/x/sys/windows"

// lingerField is the type of the fields of struct linger.
type lingerField uint16

func at(name int) OptionNumber { return OptionNumber{windows.SOL_SOCKET, name} }

// The numbers are of winsock2.h, where package windows has no name for them.
var optionNumbers = map[string]OptionNumber{
	"SO_ACCEPTCONN": at(2), "SO_BROADCAST": at(windows.SO_BROADCAST), "SO_DEBUG": at(1), "SO_DONTROUTE": at(windows.SO_DONTROUTE),
	"SO_ERROR": at(0x1007), "SO_EXCLUSIVEADDRUSE": at(^windows.SO_REUSEADDR), "SO_KEEPALIVE": at(windows.SO_KEEPALIVE),
	"SO_LINGER": at(windows.SO_LINGER), "SO_OOBINLINE": at(0x100), "SO_RCVBUF": at(windows.SO_RCVBUF), "SO_RCVLOWAT": at(0x1004),
	"SO_REUSEADDR": at(windows.SO_REUSEADDR), "SO_SNDBUF": at(windows.SO_SNDBUF), "SO_SNDLOWAT": at(0x1003),
	"SO_TYPE": at(0x1008), "SO_USELOOPBACK": at(0x40),
}
