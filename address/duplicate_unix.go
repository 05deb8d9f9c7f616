//go:build !windows

package address

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// duplicate copies an inherited descriptor to a number that programs started
// later do not get. It refuses one that this process opened itself: those are
// close-on-exec, and what was inherited is not, because it came through an exec.
// A number that was closed, and given to something else since, is found out so.
func duplicate(number int) (uintptr, error) {
	flags, err := unix.FcntlInt(uintptr(number), unix.F_GETFD, 0)
	switch {
	case err != nil:
		return 0, os.NewSyscallError("fcntl", err)
	case number > 2 && flags&unix.FD_CLOEXEC != 0:
		return 0, fmt.Errorf("descriptor %d was not inherited: this process opened it", number)
	}
	n, err := unix.FcntlInt(uintptr(number), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return 0, os.NewSyscallError("fcntl", err)
	}
	return uintptr(n), nil
}

// release closes the original of a copy.
func release(number int) { _ = unix.Close(number) }

// noFollow keeps a symbolic link from being opened, and a pipe from blocking.
const noFollow = unix.O_NOFOLLOW | unix.O_NONBLOCK
