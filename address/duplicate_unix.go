//go:build !windows

package address

import (
	"os"

	"golang.org/x/sys/unix"
)

// duplicate copies a descriptor to a number that programs started later do not
// get.
func duplicate(fd uintptr) (uintptr, error) {
	n, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return 0, os.NewSyscallError("fcntl", err)
	}
	return uintptr(n), nil
}
