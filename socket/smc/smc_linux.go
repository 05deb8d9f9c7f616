package smc

import (
	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock/socket"
)

const number = unix.AF_SMC

// inode returns the number that identifies a socket.
func inode(s *socket.Socket) (uint64, error) {
	raw, err := s.SyscallConn()
	if err != nil {
		return 0, err
	}
	var st unix.Stat_t
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.Fstat(int(fd), &st) }); err != nil {
		return 0, err
	}
	return st.Ino, failed
}
