//go:build !windows

package all

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// duplicate copies an inherited descriptor to a number that programs started
// later do not get. It refuses a descriptor that this process opened itself.
// Such a descriptor is close-on-exec, and an inherited one is not, because it
// passed through an exec. This also detects a number that was closed and has
// been reused since.
func duplicate(number int) (uintptr, error) {
	flags, err := unix.FcntlInt(uintptr(number), unix.F_GETFD, 0)
	switch {
	case err != nil:
		return 0, os.NewSyscallError("fcntl", err)
	case number > 2 && flags&unix.FD_CLOEXEC != 0:
		return 0, fmt.Errorf("descriptor %d was not inherited: this process opened it itself", number)
	}
	n, err := unix.FcntlInt(uintptr(number), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return 0, os.NewSyscallError("fcntl", err)
	}
	return uintptr(n), nil
}

// release closes the original of a copy.
func release(number int) { _ = unix.Close(number) }
