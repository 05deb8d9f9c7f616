package socket

import (
	"context"
	"fmt"
	"os"
	"syscall"
)

// SendFDs sends p, which must not be empty, with open files over a UNIX-domain
// socket. The files stay open here, and may be closed at any time: what is sent
// are copies, made before SendFDs waits.
func (s *Socket) SendFDs(ctx context.Context, p []byte, files ...*os.File) (int, error) {
	if len(p) == 0 {
		return 0, s.opError("write", nil, fmt.Errorf("descriptors travel with at least one byte: %w", syscall.EINVAL))
	}
	var copies Rights
	if _, err := copies.encode(); err != nil {
		return 0, s.opError("write", nil, err)
	}
	if len(files) > maxRights {
		return 0, s.opError("write", nil, tooManyRights(len(files)))
	}
	defer func() { copies.close() }()
	for i, f := range files {
		fd, err := copyOf(f)
		if err != nil {
			return 0, s.opError("write", nil, fmt.Errorf("file %d to send: %w", i, err))
		}
		copies.FDs = append(copies.FDs, int(fd))
	}
	control, err := AppendAncillary(nil, copies)
	if err != nil {
		return 0, s.opError("write", nil, err)
	}
	return s.SendMsg(ctx, &Message{Buffers: [][]byte{p}, Control: control}, 0)
}

// RecvFDs receives bytes into p and at most most open files, which belong to the
// caller and are close-on-exec. When more files arrive than that, all that came
// are closed and the error is ErrControlTruncated: a peer cannot make this
// process keep descriptors that it did not ask for.
func (s *Socket) RecvFDs(ctx context.Context, p []byte, most int) (n int, files []*os.File, err error) {
	most = min(max(most, 0), maxRights)
	// Credentials, a security label and a descriptor of the sender come in front of
	// the files, if they were asked for, and must not take their place.
	space := ControlSpace(4*most) + ControlSpace(credentialsSize) + ControlSpace(labelSize) + ControlSpace(4)
	m := Message{Buffers: [][]byte{p}, Control: make([]byte, space)}
	n, err = s.RecvMsg(ctx, &m, 0)
	items, perr := ParseAncillary(m.Control[:m.ControlN])
	var received Rights
	for _, item := range items {
		switch item := item.(type) {
		case Rights:
			received.FDs = append(received.FDs, item.FDs...)
		case ProcessFD:
			_ = sysClose(uintptr(item.FD)) // the caller does not receive it
		}
	}
	switch {
	case err != nil:
	case m.Flags&ControlTruncated != 0, len(received.FDs) > most:
		err = s.opError("read", nil, ErrControlTruncated)
	case perr != nil:
		err = s.opError("read", nil, perr)
	}
	if err != nil {
		received.close()
		return n, nil, err
	}
	for _, fd := range received.FDs {
		files = append(files, os.NewFile(uintptr(fd), "received"))
	}
	return n, files, nil
}

// Sizes of what may come beside descriptors, in bytes: struct ucred, and a
// security label that is longer than usual.
const (
	credentialsSize = 12
	labelSize       = 256
)

func (r Rights) close() {
	for _, fd := range r.FDs {
		_ = sysClose(uintptr(fd))
	}
}

func tooManyRights(n int) error {
	return fmt.Errorf("%d descriptors in one message, more than %d", n, maxRights)
}

// copyOf duplicates a file's descriptor while nothing can close it.
func copyOf(f *os.File) (fd uintptr, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	var derr error
	if err := raw.Control(func(from uintptr) { fd, derr = sysDup(from) }); err != nil {
		return 0, err
	}
	return fd, derr
}
