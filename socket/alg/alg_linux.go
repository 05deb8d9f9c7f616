package alg

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock/socket"
)

const number = unix.AF_ALG

func isNotFound(err error) bool { return errors.Is(err, syscall.ENOENT) }

func isForged(err error) bool { return errors.Is(err, syscall.EBADMSG) }

// readFile moves the pages of a file through a pipe to the socket. Each piece
// has the flag for more data, so that the hash continues.
func readFile(ctx context.Context, s *socket.Socket, f *os.File) (total int64, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	defer w.Close()
	for ctx.Err() == nil {
		n, err := splice(f, w, maxPiece)
		if err != nil || n == 0 {
			return total, err
		}
		for left := n; left > 0; {
			m, err := spliceTo(s, r, left)
			if err != nil {
				return total, err
			}
			left -= m
			total += int64(m)
		}
	}
	return total, ctx.Err()
}

// splice moves bytes from a file to a pipe.
func splice(from, to *os.File, count int) (n int, err error) {
	return both(from, to, func(in, out int) (int64, error) {
		n, err := unix.Splice(in, nil, out, nil, count, unix.SPLICE_F_MOVE)
		return int64(n), err
	})
}

// spliceTo moves bytes from a pipe, which holds them, to a socket.
func spliceTo(s *socket.Socket, from *os.File, count int) (n int, err error) {
	n, err = both(from, s, func(in, out int) (int64, error) {
		n, err := unix.Splice(in, nil, out, nil, count, unix.SPLICE_F_MOVE|unix.SPLICE_F_MORE)
		return int64(n), err
	})
	if err == nil && n == 0 {
		err = io.ErrNoProgress
	}
	return n, err
}

// both runs a call with two descriptors, and waits for the first to be readable
// where it is not.
func both(from, to syscall.Conn, call func(in, out int) (int64, error)) (n int, err error) {
	in, err := from.SyscallConn()
	if err != nil {
		return 0, err
	}
	out, err := to.SyscallConn()
	if err != nil {
		return 0, err
	}
	var moved int64
	var errno, inner error
	err = in.Read(func(a uintptr) bool {
		inner = out.Control(func(b uintptr) {
			for {
				if moved, errno = call(int(a), int(b)); errno != unix.EINTR {
					return
				}
			}
		})
		return errno != unix.EAGAIN
	})
	if err = errors.Join(err, inner, os.NewSyscallError("splice", errno)); err != nil {
		return 0, err
	}
	return int(moved), nil
}
