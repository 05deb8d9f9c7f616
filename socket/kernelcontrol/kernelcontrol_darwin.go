package kernelcontrol

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock/socket"
)

const number = afSystem

// resolve returns the number of a control.
func resolve(s *socket.Socket, name string) (uint32, error) {
	var info unix.CtlInfo
	if len(name) >= len(info.Name) {
		return 0, fmt.Errorf("a name of %d bytes, more than %d", len(name), len(info.Name)-1)
	}
	copy(info.Name[:], name)
	raw, err := s.SyscallConn()
	if err != nil {
		return 0, err
	}
	var ierr error
	err = raw.Control(func(fd uintptr) { ierr = unix.IoctlCtlInfo(int(fd), &info) })
	return info.Id, errors.Join(err, ierr)
}
