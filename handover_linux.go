package sealsock

import (
	"encoding/binary"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// bindingOf returns the cookie of the socket, which no other socket of the machine has until
// it is started again.
func bindingOf(rc syscall.RawConn, raw net.Conn) ([]byte, error) {
	var cookie uint64
	var failed error
	err := rc.Control(func(fd uintptr) {
		cookie, failed = unix.GetsockoptUint64(int(fd), unix.SOL_SOCKET, unix.SO_COOKIE)
	})
	switch {
	case err != nil:
		return nil, err
	case failed != nil:
		return addressBinding(raw), nil
	}
	return binary.BigEndian.AppendUint64([]byte("cookie\x00"), cookie), nil
}
