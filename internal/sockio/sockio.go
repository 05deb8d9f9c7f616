//go:build unix

package sockio

import "syscall"

// Recv reads into p, which must not be empty. It returns 0 bytes and no error at the end, and
// EAGAIN if nothing is there. A signal does not end it.
func Recv(fd int, p []byte) (n int, err syscall.Errno) {
	for {
		if n, err = recv(fd, p); err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

// Send writes from p, which must not be empty, as many bytes as there is room for, and returns
// EAGAIN if there is none. A signal does not end it. It returns no error only if it wrote some.
func Send(fd int, p []byte) (n int, err syscall.Errno) {
	for {
		if n, err = send(fd, p); err != syscall.EINTR {
			return taken(n, err)
		}
	}
}

// taken makes an error of a system that takes nothing and does not tell why: a caller would offer
// the same bytes for ever.
func taken(n int, err syscall.Errno) (int, syscall.Errno) {
	if n == 0 && err == 0 {
		err = syscall.EIO
	}
	return max(n, 0), err
}
