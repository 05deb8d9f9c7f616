//go:build !linux

package vsock

import "github.com/sealsock/sealsock/socket"

const number = -1

// LocalCID returns the context of this machine.
func LocalCID() (uint32, error) { return 0, socket.NotImplemented("ioctl", "vsock") }
