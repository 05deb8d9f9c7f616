package names

import (
	"os"

	"golang.org/x/sys/unix"
)

func setHostname(name string) error {
	return os.NewSyscallError("sethostname", unix.Sethostname([]byte(name)))
}
