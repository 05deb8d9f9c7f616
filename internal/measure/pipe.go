package measure

import (
	"io"
	"net"
	"sync"
	"time"
)

// An exchange is a connection in memory with a buffer in each direction, like a socket.
// net.Pipe has no buffer, so that a benchmark would measure the scheduler. Bytes that a Read waits
// for are copied once, to its memory, and others twice, as a socket does.
//
// If it takes the time of its ends, one of them runs at a time: it does so until it reads
// and nothing is there. So each has a clock of its own.
type exchange struct {
	timed   bool
	running sync.Mutex
	since   time.Time
	spent   [2]time.Duration
	lanes   [2]*lane
	ends    [2]end
}

// The ends of an exchange.
const (
	clientEnd = iota
	serverEnd
)

func newExchange(timed bool) *exchange {
	x := &exchange{timed: timed, lanes: [2]*lane{newLane(), newLane()}}
	for who := range x.ends {
		x.ends[who] = end{x: x, who: who, in: x.lanes[1-who], out: x.lanes[who]}
	}
	return x
}

func (x *exchange) end(who int) *end { return &x.ends[who] }

// reset makes x that of a new connection, when both ends have finished.
func (x *exchange) reset() {
	x.spent = [2]time.Duration{}
	for _, l := range x.lanes {
		l.Lock()
		l.r, l.n, l.written, l.stopped = 0, 0, 0, false
		l.lent, l.got = nil, 0
		l.Unlock()
	}
}

// begin starts the clock of an end, when the other one does not run.
func (x *exchange) begin() {
	if x.timed {
		x.running.Lock()
		x.since = time.Now()
	}
}

// pause stops the clock of an end.
func (x *exchange) pause(who int) {
	if x.timed {
		x.spent[who] += time.Since(x.since)
		x.running.Unlock()
	}
}

// sent returns how many bytes an end has written.
func (x *exchange) sent(who int) float64 {
	l := x.lanes[who]
	l.Lock()
	defer l.Unlock()
	return float64(l.written)
}

// laneSize is how much a lane holds before a write waits.
const laneSize = 256 << 10

// A lane is one direction: a ring of bytes, which grows up to laneSize. One Read at a time waits.
type lane struct {
	sync.Mutex
	change  sync.Cond
	ring    []byte
	r, n    int
	written int // in all
	stopped bool

	// A Read that waits lends its memory. Nothing is in the ring until it takes that back.
	lent []byte
	got  int // what is in lent
}

func newLane() *lane {
	l := &lane{ring: make([]byte, 2048)}
	l.change.L = &l.Mutex
	return l
}

func (l *lane) empty() bool {
	l.Lock()
	defer l.Unlock()
	return l.n == 0 && !l.stopped
}

func (l *lane) read(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	for l.n == 0 {
		if l.stopped {
			return 0, io.EOF
		}
		if n := l.lend(p); n > 0 {
			return n, nil
		}
	}
	size := len(l.ring)
	n := copy(p, l.ring[l.r:min(l.r+l.n, size)])
	if m := min(l.n-n, len(p)-n); m > 0 {
		n += copy(p[n:n+m], l.ring)
	}
	l.r = (l.r + n) % size
	l.n -= n
	l.change.Signal()
	return n, nil
}

// lend waits with p for a write, and returns how much of p that has filled. It is 0 if that wrote
// to the ring, or the lane was stopped.
func (l *lane) lend(p []byte) int {
	l.lent = p
	l.change.Wait()
	n := l.got
	l.lent, l.got = nil, 0
	l.change.Signal()
	return n
}

// wait waits until there is something to read.
func (l *lane) wait() {
	l.Lock()
	defer l.Unlock()
	for l.n == 0 && !l.stopped {
		l.change.Wait()
	}
}

func (l *lane) write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	total := len(p)
	for len(p) > 0 {
		n := l.put(p)
		switch {
		case n > 0:
			l.change.Signal()
		case l.stopped:
			return total - len(p), io.ErrClosedPipe
		default:
			l.change.Wait()
		}
		l.written += n
		p = p[n:]
	}
	return total, nil
}

// put copies to where there is room. Memory that is lent and full has to be taken first: what went
// to the ring meanwhile would be copied twice.
func (l *lane) put(p []byte) (n int) {
	if l.got < len(l.lent) {
		n = copy(l.lent[l.got:], p)
		l.got += n
		return n
	}
	if l.got > 0 {
		return 0
	}
	l.grow(len(p))
	size := len(l.ring)
	if l.n == size {
		return 0
	}
	w := (l.r + l.n) % size
	n = copy(l.ring[w:min(w+size-l.n, size)], p)
	l.n += n
	return n
}

// grow makes room for n more bytes, within laneSize.
func (l *lane) grow(n int) {
	size := len(l.ring)
	for size < laneSize && l.n+n > size {
		size *= 2
	}
	if size == len(l.ring) {
		return
	}
	ring := make([]byte, size)
	m := copy(ring, l.ring[l.r:min(l.r+l.n, len(l.ring))])
	copy(ring[m:], l.ring[:l.n-m])
	l.ring, l.r = ring, 0
}

func (l *lane) stop() {
	l.Lock()
	defer l.Unlock()
	l.stopped = true
	l.change.Broadcast()
}

type end struct {
	x       *exchange
	who     int
	in, out *lane
}

func (e *end) Read(p []byte) (int, error) {
	if e.x.timed && e.in.empty() {
		e.x.pause(e.who)
		e.in.wait()
		e.x.begin()
	}
	return e.in.read(p)
}

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
