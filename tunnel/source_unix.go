//go:build unix

package tunnel

import (
	"io"
	"net"
	"os"
	"syscall"

	"github.com/sealsock/sealsock/internal/sockio"
)

// A polledSource reads from a socket when it is readable, and has a buffer only then.
type polledSource struct {
	raw  syscall.RawConn
	to   func([]byte) error
	read func(fd uintptr) bool // try, made once

	buf *[bufferSize]byte
	n   int
	err syscall.Errno
}

// newPolled returns nil for a connection that is no socket of package net: another type may read
// in its own way.
func newPolled(conn net.Conn, to func([]byte) error) source {
	var sc syscall.Conn
	switch c := conn.(type) {
	case *net.TCPConn:
		sc = c
	case *net.UnixConn:
		sc = c
	default:
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	s := &polledSource{raw: raw, to: to}
	s.read = s.try
	return s
}

func (s *polledSource) pass() (sent, err error) {
	err = s.raw.Read(s.read)
	if err == nil && s.err != 0 {
		err = os.NewSyscallError("read", s.err)
	}
	if s.buf == nil {
		return nil, err
	}
	switch {
	case err != nil:
	case s.n == 0:
		err = io.EOF
	default:
		sent = s.to(s.buf[:s.n])
	}
	buffers.Put(s.buf)
	s.buf = nil
	return sent, err
}

// try reads once. Its result is false if it has to wait.
func (s *polledSource) try(fd uintptr) bool {
	s.buf = buffers.Get().(*[bufferSize]byte)
	s.n, s.err = sockio.Recv(int(fd), s.buf[:])
	if s.err == syscall.EAGAIN {
		buffers.Put(s.buf)
		s.buf, s.err = nil, 0
		return false
	}
	return true
}
