//go:build !windows

package endpoint

import "golang.org/x/sys/unix"

// noFollow keeps a symbolic link from being opened, and a pipe from blocking.
const noFollow = unix.O_NOFOLLOW | unix.O_NONBLOCK
