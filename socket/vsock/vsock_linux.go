package vsock

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

const number = unix.AF_VSOCK

// LocalCID returns the context of this machine. It reads /dev/vsock.
func LocalCID() (uint32, error) {
	f, err := os.Open("/dev/vsock")
	if err != nil {
		return 0, &net.OpError{Op: "ioctl", Net: "vsock", Err: err}
	}
	defer f.Close()
	cid, err := unix.IoctlGetUint32(int(f.Fd()), unix.IOCTL_VM_SOCKETS_GET_LOCAL_CID)
	if err != nil {
		return 0, &net.OpError{Op: "ioctl", Net: "vsock", Err: os.NewSyscallError("ioctl", err)}
	}
	return cid, nil
}
