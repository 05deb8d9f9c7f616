//go:build !linux

package smc

import (
	"errors"

	"github.com/sealsock/sealsock/socket"
)

const number = -1

func inode(*socket.Socket) (uint64, error) { return 0, errors.ErrUnsupported }
