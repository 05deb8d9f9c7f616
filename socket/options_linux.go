package socket

import "golang.org/x/sys/unix"

// lingerField is the type of the fields of struct linger.
type lingerField int32

func at(name int) OptionNumber { return OptionNumber{unix.SOL_SOCKET, name} }

var optionNumbers = map[string]OptionNumber{
	"SO_ACCEPTCONN": at(unix.SO_ACCEPTCONN), "SO_BINDTODEVICE": at(unix.SO_BINDTODEVICE),
	"SO_BINDTOIFINDEX": at(unix.SO_BINDTOIFINDEX), "SO_BROADCAST": at(unix.SO_BROADCAST),
	"SO_BUSY_POLL": at(unix.SO_BUSY_POLL), "SO_COOKIE": at(unix.SO_COOKIE), "SO_DEBUG": at(unix.SO_DEBUG),
	"SO_DOMAIN": at(unix.SO_DOMAIN), "SO_DONTROUTE": at(unix.SO_DONTROUTE), "SO_ERROR": at(unix.SO_ERROR),
	"SO_INCOMING_CPU": at(unix.SO_INCOMING_CPU), "SO_KEEPALIVE": at(unix.SO_KEEPALIVE),
	"SO_LINGER": at(unix.SO_LINGER), "SO_MARK": at(unix.SO_MARK), "SO_OOBINLINE": at(unix.SO_OOBINLINE),
	"SO_PASSCRED": at(unix.SO_PASSCRED), "SO_PASSSEC": at(unix.SO_PASSSEC), "SO_PEERCRED": at(unix.SO_PEERCRED),
	"SO_PASSPIDFD": at(unix.SO_PASSPIDFD), "SO_PEERSEC": at(unix.SO_PEERSEC), "SO_PRIORITY": at(unix.SO_PRIORITY), "SO_PROTOCOL": at(unix.SO_PROTOCOL),
	"SO_RCVBUF": at(unix.SO_RCVBUF), "SO_RCVBUFFORCE": at(unix.SO_RCVBUFFORCE), "SO_RCVLOWAT": at(unix.SO_RCVLOWAT),
	"SO_RCVTIMEO": at(unix.SO_RCVTIMEO), "SO_REUSEADDR": at(unix.SO_REUSEADDR), "SO_REUSEPORT": at(unix.SO_REUSEPORT),
	"SO_RXQ_OVFL": at(unix.SO_RXQ_OVFL), "SO_SNDBUF": at(unix.SO_SNDBUF), "SO_SNDBUFFORCE": at(unix.SO_SNDBUFFORCE),
	"SO_SNDLOWAT": at(unix.SO_SNDLOWAT), "SO_SNDTIMEO": at(unix.SO_SNDTIMEO), "SO_TIMESTAMP": at(unix.SO_TIMESTAMP),
	"SO_TIMESTAMPNS": at(unix.SO_TIMESTAMPNS), "SO_TYPE": at(unix.SO_TYPE), "SO_ZEROCOPY": at(unix.SO_ZEROCOPY),
}
