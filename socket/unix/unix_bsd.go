//go:build darwin || freebsd

package unix

import (
	"errors"
	"net"
	"os"

	"github.com/sealsock/sealsock/socket"
	"golang.org/x/sys/unix"
)

// pathSize is the size of sun_path.
const pathSize = 104

// solLocal is SOL_LOCAL of sys/un.h.
const solLocal = 0

// PeerCredentials returns the user and group that opened the other end, as they
// were at that time. The process is not known: PID is 0.
func PeerCredentials(s *socket.Socket) (socket.Credentials, error) {
	raw, err := s.SyscallConn()
	if err != nil {
		return socket.Credentials{}, err
	}
	var x *unix.Xucred
	var xerr error
	err = raw.Control(func(fd uintptr) { x, xerr = unix.GetsockoptXucred(int(fd), solLocal, unix.LOCAL_PEERCRED) })
	if err = errors.Join(err, xerr); err != nil {
		return socket.Credentials{}, &net.OpError{Op: "get", Net: "unix", Err: os.NewSyscallError("getsockopt", err)}
	}
	c := socket.Credentials{UID: int(x.Uid)}
	if x.Ngroups > 0 {
		c.GID = int(x.Groups[0])
	}
	return c, nil
}
