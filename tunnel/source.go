package tunnel

import (
	"io"
	"net"
	"sync"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/segment"
)

// A source reads from a connection and passes on what it reads. A connection that is idle costs
// no buffer where its kind allows that.
type source interface {
	// pass waits for data, and passes on all that it can before it waits again. sent is the
	// error of passing on, and err that of reading: io.EOF at the end.
	pass() (sent, err error)
}

// newSource returns the source for a connection. to sends data that is valid until it returns.
func newSource(conn net.Conn, to func([]byte) error) source {
	if c, ok := conn.(*sealsock.Conn); ok {
		return &sealedSource{conn: c, to: to}
	}
	if s := newPolled(conn, to); s != nil {
		return s
	}
	return &plainSource{conn: conn, to: to}
}

// bufferSize is what one read returns at most, in bytes: as much as one of a TLS connection, and
// no more than a write to either side passes on at once.
const bufferSize = segment.Data

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// A sealedSource reads from an encrypted connection, whose WriteTo waits without a buffer.
type sealedSource struct {
	conn *sealsock.Conn
	to   func([]byte) error
	sent error
}

func (s *sealedSource) pass() (sent, err error) {
	_, err = s.conn.WriteTo(s)
	switch {
	case s.sent != nil:
		return s.sent, nil
	case err == nil:
		err = io.EOF
	}
	return nil, err
}

// Write implements io.Writer for WriteTo.
func (s *sealedSource) Write(p []byte) (int, error) {
	if s.sent = s.to(p); s.sent != nil {
		return 0, s.sent
	}
	return len(p), nil
}

// A plainSource reads from any other connection. It has a small buffer while it waits, and a
// large one after a read has filled that.
type plainSource struct {
	conn  net.Conn
	to    func([]byte) error
	small [waitSize]byte
	large *[bufferSize]byte
}

// waitSize is the size of the small buffer, in bytes.
const waitSize = 1 << 10

func (s *plainSource) pass() (sent, err error) {
	buf := s.small[:]
	if s.large != nil {
		buf = s.large[:]
	}
	n, err := s.conn.Read(buf)
	if n > 0 {
		sent = s.to(buf[:n])
	}
	switch {
	case s.large == nil && n == len(buf) && sent == nil && err == nil: // there is more
		s.large = buffers.Get().(*[bufferSize]byte)
	case s.large != nil && (n < len(s.small) || sent != nil || err != nil):
		buffers.Put(s.large)
		s.large = nil
	}
	return sent, err
}
