//go:build !linux

package packet

import "github.com/sealsock/sealsock/socket"

const number = -1

func setFilter(*socket.Socket, []Instruction) error { return socket.NotImplemented("set", "packet") }
