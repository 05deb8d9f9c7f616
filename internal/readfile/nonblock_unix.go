//go:build unix

package readfile

import "syscall"

// nonblock opens a named pipe without waiting for its other end.
const nonblock = syscall.O_NONBLOCK
