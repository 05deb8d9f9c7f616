//go:build unix

package stream

import (
	"io"
	"net"
	"os"
	"syscall"
)

// newSource returns the source for raw. On plain sockets it reads through the
// poller without a buffer until something has come. Only the standard
// library's own types count: a type that wraps one may read in its own way.
func newSource(raw net.Conn) source {
	var sc syscall.Conn
	switch conn := raw.(type) {
	case *net.TCPConn:
		sc = conn
	case *net.UnixConn:
		sc = conn
	default:
		return &plainSource{conn: raw}
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return &plainSource{conn: raw}
	}
	s := &pollSource{conn: raw, rc: rc}
	s.try = s.read
	return s
}

// pollSource reads a socket when it is readable.
type pollSource struct {
	conn net.Conn
	rc   syscall.RawConn
	try  func(fd uintptr) bool // read, made once

	buf  *buffer
	w    int
	size int
	n    int
	err  error
}

func (s *pollSource) fill(buf *buffer, w, size int) (*buffer, int, error) {
	s.buf, s.w, s.size, s.n, s.err = buf, w, size, 0, nil
	err := s.rc.Read(s.try)
	buf, s.buf = s.buf, nil
	switch {
	case err != nil:
		return buf, 0, asRead(err)
	case s.err != nil:
		return buf, 0, &net.OpError{
			Op: "read", Net: s.conn.LocalAddr().Network(), Source: s.conn.LocalAddr(), Addr: s.conn.RemoteAddr(),
			Err: os.NewSyscallError("read", s.err),
		}
	case s.n == 0:
		return buf, 0, io.EOF
	}
	return buf, s.n, nil
}

// asRead gives an error of the poller the name of the operation that the caller knows:
// package net calls it raw-read.
func asRead(err error) error {
	if op, ok := err.(*net.OpError); ok && op.Op == "raw-read" {
		named := *op
		named.Op = "read"
		return &named
	}
	return err
}

// read tries once; false makes the poller wait. A buffer that was taken for the
// try goes back before the wait.
func (s *pollSource) read(fd uintptr) bool {
	took := s.buf == nil
	if took {
		s.buf = getBuffer(s.size)
	}
	for {
		s.n, s.err = syscall.Read(int(fd), s.buf.b[s.w:])
		if s.err != syscall.EINTR {
			break
		}
	}
	if s.n <= 0 {
		s.n = 0
		if took {
			putBuffer(s.buf)
			s.buf = nil
		}
	}
	return s.err != syscall.EAGAIN
}
