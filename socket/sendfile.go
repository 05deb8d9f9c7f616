package socket

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/sealsock/sealsock/internal/interrupt"
)

// sendfileChunk is how many bytes one system call is asked to move, so that a
// context is checked from time to time.
const sendfileChunk = 4 << 20

// copyBuffer is the size of the buffer of the fallback.
const copyBuffer = 64 << 10

// SendFile sends count bytes of a file, from offset on, without copying them
// through this process where the system can (sendfile and splice of Linux) and
// with a buffer elsewhere. A negative count sends all there is. The offset of a
// file that cannot be seeked, such as a pipe, must be 0. The file's own position
// is not used, and not changed except for a pipe. A pipe's read deadline bounds
// the wait for it, and is taken away if the context ends that wait.
//
// It returns the bytes sent, also when it fails. On a socket that keeps message
// boundaries, every 64 KiB are a message.
func (s *Socket) SendFile(ctx context.Context, f *os.File, offset, count int64) (int64, error) {
	if !s.made() {
		return 0, s.opError("write", nil, errNotMade)
	}
	info, err := f.Stat()
	if err != nil {
		return 0, s.opError("write", nil, err)
	}
	if offset < 0 {
		return 0, s.opError("write", nil, syscall.EINVAL)
	}
	regular := info.Mode().IsRegular()
	if !regular && offset != 0 {
		return 0, s.opError("write", nil, syscall.ESPIPE)
	}
	if !regular {
		defer interrupt.Reads(ctx, f)()
	}
	sent, err := s.sendFile(ctx, f, regular, offset, count)
	if err != nil && ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		err = s.opError("write", nil, cause(ctx))
	}
	return sent, err
}

func (s *Socket) sendFile(ctx context.Context, f *os.File, regular bool, offset, count int64) (sent int64, err error) {
	if s.Type() == Stream {
		sent, err = s.sendFast(ctx, f, regular, offset, count)
		if !errors.Is(err, errors.ErrUnsupported) {
			return sent, err
		}
	}
	var r io.Reader = f
	if regular {
		r = io.NewSectionReader(f, offset+sent, 1<<63-1-offset-sent)
	}
	if count >= 0 {
		r = io.LimitReader(r, count-sent)
	}
	n, err := s.sendFrom(ctx, r)
	return sent + n, err
}

// sendFrom sends what it reads until the end.
func (s *Socket) sendFrom(ctx context.Context, r io.Reader) (sent int64, err error) {
	buf := make([]byte, copyBuffer)
	for {
		n, rerr := r.Read(buf)
		if n > 0 { // nothing would be an empty message
			m, err := s.SendAll(ctx, buf[:n], 0)
			sent += int64(m)
			if err != nil {
				return sent, err
			}
		}
		switch {
		case rerr == io.EOF:
			return sent, nil
		case rerr != nil:
			return sent, s.opError("write", nil, rerr)
		}
	}
}

// chunk returns how much of count is moved next.
func chunk(count, sent int64) int {
	if count < 0 {
		return sendfileChunk
	}
	return int(min(count-sent, sendfileChunk))
}
