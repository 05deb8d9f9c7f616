package socket

import (
	"context"
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// sendFast moves a regular file with sendfile(2) and a pipe with splice(2). An
// error that matches errors.ErrUnsupported means that the rest has to be
// copied.
func (s *Socket) sendFast(ctx context.Context, f *os.File, regular bool, offset, count int64) (sent int64, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, s.opError("write", nil, err)
	}
	for count < 0 || sent < count {
		var n int
		if regular {
			n, err = s.sendfileOnce(ctx, raw, offset+sent, chunk(count, sent))
		} else {
			n, err = s.spliceOnce(ctx, raw, chunk(count, sent))
		}
		sent += int64(n)
		switch {
		case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.EOPNOTSUPP):
			return sent, errors.ErrUnsupported
		case err != nil:
			return sent, s.opError("write", nil, err)
		case n == 0:
			return sent, nil
		}
	}
	return sent, nil
}

func (s *Socket) sendfileOnce(ctx context.Context, file syscall.RawConn, offset int64, count int) (int, error) {
	o := newOp(func(o *op, fd uintptr) syscall.Errno {
		var errno error
		err := file.Control(func(from uintptr) {
			at := offset
			o.n, errno = unix.Sendfile(int(fd), int(from), &at, count)
		})
		return answer(o, err, errno)
	})
	defer o.free()
	err := s.run(ctx, writing, o)
	return o.n, callError("sendfile", err)
}

// spliceOnce moves what a pipe holds. An empty pipe and a full socket give the
// same answer, so it first waits for the pipe.
func (s *Socket) spliceOnce(ctx context.Context, pipe syscall.RawConn, count int) (int, error) {
	if err := waitReadable(ctx, pipe); err != nil {
		return 0, err
	}
	o := newOp(func(o *op, fd uintptr) syscall.Errno {
		var errno error
		err := pipe.Control(func(from uintptr) {
			const flags = unix.SPLICE_F_NONBLOCK | unix.SPLICE_F_MOVE
			// The type of the count depends on the architecture.
			n, e := unix.Splice(int(from), nil, int(fd), nil, count, flags)
			o.n, errno = int(n), e
		})
		return answer(o, err, errno)
	})
	defer o.free()
	err := s.run(ctx, writing, o)
	return o.n, callError("splice", err)
}

// answer turns a call's error into an op's, and its count into none.
func answer(o *op, control, call error) syscall.Errno {
	errno, _ := errnoOf(call)
	if control != nil {
		errno = syscall.EBADF
	}
	if errno != 0 {
		o.n = 0
	}
	return errno
}

// glance is how long a pipe that Go cannot poll is waited for between two checks
// of the context, in milliseconds.
const glance = 50

// waitReadable waits until a pipe holds data or has ended, or the context is
// done. It obeys the pipe's own read deadline; a pipe that Go cannot poll holds a
// thread.
func waitReadable(ctx context.Context, pipe syscall.RawConn) error {
	err := pipe.Read(func(fd uintptr) bool {
		flags, err := fcntl(fd, unix.F_GETFL, 0)
		polled := err == nil && flags&unix.O_NONBLOCK != 0
		timeout := glance
		if polled {
			timeout = 0
		}
		for {
			poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(poll, timeout)
			switch {
			case n > 0, err != nil && err != unix.EINTR, ctx.Err() != nil:
				return true
			case polled:
				return false
			}
		}
	})
	if err == nil && ctx.Err() != nil {
		err = cause(ctx)
	}
	return err
}
