//go:build !darwin

package kernelcontrol

import "github.com/sealsock/sealsock/socket"

const number = -1

func resolve(*socket.Socket, string) (uint32, error) {
	return 0, socket.NotImplemented("ioctl", "system")
}
