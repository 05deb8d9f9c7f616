//go:build unix

package stream

import (
	"bytes"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/sealsock/sealsock/internal/sockio"
)

// newSource returns the source for raw. On plain sockets it reads through the
// poller without a buffer until something has come. Only the standard
// library's own types count: a type that wraps one may read and write in its own way.
func newSource(c *Conn, raw net.Conn) source {
	var sc syscall.Conn
	switch conn := raw.(type) {
	case *net.TCPConn:
		sc = conn
	case *net.UnixConn:
		sc = conn
	default:
		return &plainSource{conn: c, raw: raw}
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return &plainSource{conn: c, raw: raw}
	}
	s := &pollSource{conn: c, rc: rc}
	s.try, s.tryWrite = s.read, s.send
	return s
}

// pollSource reads a socket when it is readable, and writes it when it is writable.
type pollSource struct {
	conn *Conn
	rc   syscall.RawConn
	try  func(fd uintptr) bool // read, made once

	buf    *buffer // while the Conn rests, what was in it and nothing else
	w      int32
	size   int32
	n      int32
	asleep bool // the poller waits since the last try
	rests  bool // buf is not a whole one
	bulk   bool // the last read that brought something brought much
	skip   int8 // how many reads do not look again, because nothing came when one did
	err    syscall.Errno

	// What follows is for the sending half alone.
	tryWrite func(fd uintptr) bool // send, made once
	unsent   []byte
	writeErr syscall.Errno
}

func (s *pollSource) fill(buf *buffer, w, size int) (*buffer, int, error) {
	s.buf, s.w, s.size, s.n, s.err = buf, int32(w), int32(size), 0, 0
	err := s.rc.Read(s.try)
	s.resume()
	buf, s.buf = s.buf, nil
	switch {
	case err != nil:
		return buf, 0, asOp(err, "raw-read", "read")
	case s.err != 0:
		return buf, 0, s.opError("read", s.err)
	case s.n == 0:
		return buf, 0, io.EOF
	}
	return buf, int(s.n), nil
}

func (s *pollSource) opError(op string, err syscall.Errno) error {
	local, remote := s.conn.raw.LocalAddr(), s.conn.raw.RemoteAddr()
	return &net.OpError{
		Op: op, Net: local.Network(), Source: local, Addr: remote,
		Err: os.NewSyscallError(op, err),
	}
}

// write implements source.
func (s *pollSource) write(p []byte) (n int, err error) {
	s.unsent, s.writeErr = p, 0
	err = s.rc.Write(s.tryWrite)
	n = len(p) - len(s.unsent)
	s.unsent = nil
	switch {
	case err != nil:
		return n, asOp(err, "raw-write", "write")
	case s.writeErr != 0:
		return n, s.opError("write", s.writeErr)
	}
	return n, nil
}

// send writes what there is room for; false makes the poller wait.
func (s *pollSource) send(fd uintptr) bool {
	for len(s.unsent) > 0 {
		n, err := sockio.Send(int(fd), s.unsent)
		s.unsent = s.unsent[n:]
		if err != 0 {
			s.writeErr = err
			if err == syscall.EAGAIN {
				s.writeErr = 0
				return false
			}
			return true
		}
	}
	return true
}

// asOp gives an error of the poller the name of the operation that the caller knows: package
// net calls it raw-read or raw-write.
func asOp(err error, raw, name string) error {
	if op, ok := err.(*net.OpError); ok && op.Op == raw {
		named := *op
		named.Op = name
		return &named
	}
	return err
}

// read tries once, or twice in bulk; false makes the poller wait. A buffer that was taken for the
// try goes back before the wait.
func (s *pollSource) read(fd uintptr) bool {
	s.resume()
	took := s.buf == nil
	if took {
		s.buf = getBuffer(int(s.size))
	}
	s.receive(int(fd))
	s.lookAgain(int(fd))
	if s.n > 0 {
		s.bulk = s.n >= bulkSize
	} else {
		s.n = 0
		if took {
			putBuffer(s.buf)
			s.buf = nil
		}
	}
	if s.err != syscall.EAGAIN {
		return true
	}
	s.asleep = true
	s.conn.sleep()
	return false
}

// receive makes one system call.
func (s *pollSource) receive(fd int) {
	n, err := sockio.Recv(fd, s.buf.b[s.w:])
	s.n, s.err = int32(n), err
}

const (
	// bulkSize is how many bytes a read brings at least while data comes in bulk.
	bulkSize = 8 << 10
	// lookAfter is when a read looks again for more of such data, and maxSkip is how many reads do
	// not look again after one that did and found none.
	lookAfter = 10 * time.Microsecond
	maxSkip   = 15
)

// lookAgain reads once more, a little later, if nothing has come while data comes in bulk: where
// its sender is another processor, both take longer for a wait in the poller than the sender takes
// for a record.
func (s *pollSource) lookAgain(fd int) {
	if s.err != syscall.EAGAIN || !s.bulk {
		return
	}
	if s.skip > 0 {
		s.skip--
		return
	}
	pause()
	if s.receive(fd); s.err == syscall.EAGAIN {
		s.skip = maxSkip
	}
}

// pause takes lookAfter, in which other goroutines may run.
var pause = func() {
	for start := time.Now(); time.Since(start) < lookAfter; {
		runtime.Gosched()
	}
}

// resume ends the wait that a try began, and fetches a buffer for what was in it.
func (s *pollSource) resume() {
	if !s.asleep {
		return
	}
	s.asleep = false
	s.conn.wake()
	if s.rests {
		whole := getBuffer(bufferSize)
		copy(whole.b[int(s.w)-len(s.buf.b):], s.buf.b)
		s.buf, s.rests = whole, false
	}
}

// rest implements source: what has come of a record does not keep a whole buffer. After a write
// a Conn rests again within one wait, and its buffer is the small one already.
func (s *pollSource) rest(r int) {
	if s.buf == nil || s.rests {
		return
	}
	kept := &buffer{b: bytes.Clone(s.buf.b[r:s.w])}
	putBuffer(s.buf)
	s.buf, s.rests = kept, true
}
