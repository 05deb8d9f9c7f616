package tipc

import "golang.org/x/sys/unix"

const number = unix.AF_TIPC
