package packet

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock/socket"
)

const number = unix.AF_PACKET

func setFilter(s *socket.Socket, program []Instruction) error {
	code := make([]unix.SockFilter, len(program))
	for i, in := range program {
		code[i] = unix.SockFilter{Code: in.Op, Jt: in.JT, Jf: in.JF, K: in.K}
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	err = raw.Control(func(fd uintptr) {
		serr = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
	})
	if err = errors.Join(err, os.NewSyscallError("setsockopt", serr)); err != nil {
		return &net.OpError{Op: "set", Net: s.Family().Name, Err: err}
	}
	return nil
}
