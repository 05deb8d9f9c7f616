package main

import (
	"io"
	"net"
	"sync"
	"time"
)

// memoryPipe returns the two ends of a connection in memory with a buffer in
// each direction, like a socket. net.Pipe has no buffer, so that a benchmark
// would measure the scheduler.
func memoryPipe() (net.Conn, net.Conn) {
	a, b := newLane(), newLane()
	return &end{in: a, out: b}, &end{in: b, out: a}
}

const laneSize = 256 << 10

// A lane is one direction: a ring of bytes.
type lane struct {
	sync.Mutex
	change  sync.Cond
	ring    [laneSize]byte
	r, n    int
	stopped bool
}

func newLane() *lane {
	l := new(lane)
	l.change.L = &l.Mutex
	return l
}

func (l *lane) read(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	for l.n == 0 {
		if l.stopped {
			return 0, io.EOF
		}
		l.change.Wait()
	}
	n := copy(p, l.ring[l.r:min(l.r+l.n, laneSize)])
	if m := min(l.n-n, len(p)-n); m > 0 {
		n += copy(p[n:n+m], l.ring[:])
	}
	l.r = (l.r + n) % laneSize
	l.n -= n
	l.change.Signal()
	return n, nil
}

func (l *lane) write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	total := len(p)
	for len(p) > 0 {
		for l.n == laneSize {
			if l.stopped {
				return total - len(p), io.ErrClosedPipe
			}
			l.change.Wait()
		}
		w := (l.r + l.n) % laneSize
		n := copy(l.ring[w:min(w+laneSize-l.n, laneSize)], p)
		l.n += n
		p = p[n:]
		l.change.Signal()
	}
	return total, nil
}

func (l *lane) stop() {
	l.Lock()
	defer l.Unlock()
	l.stopped = true
	l.change.Broadcast()
}

type end struct{ in, out *lane }

func (e *end) Read(p []byte) (int, error)  { return e.in.read(p) }
func (e *end) Write(p []byte) (int, error) { return e.out.write(p) }

func (e *end) Close() error {
	e.in.stop()
	e.out.stop()
	return nil
}

func (*end) LocalAddr() net.Addr              { return place{} }
func (*end) RemoteAddr() net.Addr             { return place{} }
func (*end) SetDeadline(time.Time) error      { return nil }
func (*end) SetReadDeadline(time.Time) error  { return nil }
func (*end) SetWriteDeadline(time.Time) error { return nil }

type place struct{}

func (place) Network() string { return "memory" }
func (place) String() string  { return "memory" }

// tcpPipe returns two ends of a loopback connection.
func tcpPipe() (net.Conn, net.Conn, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	s, err := l.Accept()
	return c, s, err
}
