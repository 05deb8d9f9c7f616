package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/sealsock/sealsock/engine"
)

// reading is the receiving half of a Conn.
type reading struct {
	sync.Mutex
	recv   *engine.Receiver
	source source

	stash []byte  // what has come of a record while a handshake waits for the rest
	buf   *buffer // nil while nothing is in it
	r, w  int     // the part of buf that is not processed yet
	plain []byte  // application data, not read yet: inside buf, or within Read at the start of its p
	held  []byte  // application data in front of plain that was kept for later
	err   error   // the end; io.EOF after close_notify
	done  bool    // the engine's handshake is done

	begun, ended atomic.Uint32 // calls of Read so far
}

// A source reads from and writes to the connection below. Where the system reports when there is
// something to read, it takes a buffer only then.
type source interface {
	// fill reads into buf from w on. It may be called with a nil buf and
	// then returns one of at least size bytes that holds something.
	fill(buf *buffer, w, size int) (*buffer, int, error)
	// rest gives back the memory that fill does not need while it waits. What is in the
	// buffer from r on is kept. It is called between Conn.sleep and Conn.wake.
	rest(r int)
	// write writes p, as the connection below does. It is called with the sending half held.
	write(p []byte) (int, error)
}

// Read reads application data. It returns io.EOF only after the peer's
// close_notify; a connection that is cut ends in an error.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.Handshake(context.Background()); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	c.in.begun.Add(1)
	defer c.in.ended.Add(1)
	c.in.Lock()
	defer c.in.Unlock()
	if len(c.in.held) > 0 {
		n := copy(p, c.in.held)
		if c.in.held = c.in.held[n:]; len(c.in.held) == 0 {
			c.in.held = nil // its room too
		}
		return n, nil
	}
	for len(c.in.plain) == 0 {
		if err := c.next(true, p); err != nil {
			return 0, err
		}
	}
	n := c.in.take(p)
	for n < len(p) && len(c.in.plain) == 0 && c.in.r < c.in.w && c.next(false, p[n:]) == nil {
		n += c.in.take(p[n:])
	}
	return n, nil
}

// await returns once Read has something to return at once.
func (c *Conn) await() error {
	c.in.begun.Add(1)
	defer c.in.ended.Add(1)
	c.in.Lock()
	defer c.in.Unlock()
	for len(c.in.held) == 0 && len(c.in.plain) == 0 {
		if err := c.next(true, nil); err != nil {
			return err
		}
	}
	return nil
}

// readers reports whether calls of Read are under way. Those that have ended are counted first:
// else one that begins meanwhile could stand for one that ends.
func (in *reading) readers() bool {
	ended := in.ended.Load()
	return in.begun.Load() != ended
}

// take moves application data to p, where it may be already.
func (in *reading) take(p []byte) int {
	n := copy(p, in.plain)
	if in.plain = in.plain[n:]; len(in.plain) == 0 {
		in.plain = nil
		in.giveBack()
	}
	return n
}

// buffered returns what is in the buffer and not processed yet.
func (in *reading) buffered() []byte {
	if in.buf == nil {
		return nil
	}
	return in.buf.b[in.r:in.w]
}

// giveBack returns the buffer to the pool if nothing is in it.
func (in *reading) giveBack() {
	if in.r == in.w && in.plain == nil {
		in.free()
	}
}

// free returns the buffer to the pool, whatever is in it.
func (in *reading) free() {
	if in.buf != nil {
		putBuffer(in.buf)
	}
	in.buf, in.r, in.w = nil, 0, 0
}

// errWouldBlock ends a look at what is buffered already.
var errWouldBlock = io.ErrNoProgress

// next takes one step: it leaves data in plain, or processes something else. The data is at the
// start of p if that has room for all of the record.
func (c *Conn) next(block bool, p []byte) error {
	need, err := c.advance(p)
	switch {
	case err != nil || need == 0:
		return err
	case !block:
		return errWouldBlock
	}
	return c.fill(need)
}

// advance takes one step without waiting. need is how many bytes it lacks; 0 if it took one.
// The stack of a connection that waits has none of its frame, which is large.
func (c *Conn) advance(p []byte) (need int, err error) {
	in := &c.in
	if in.err != nil {
		return 0, in.err
	}
	if err := c.expect(); err != nil {
		in.err = c.fatal(err)
		return 0, in.err
	}
	if in.r == in.w && in.recv.Idle() {
		return 1, nil
	}
	var ev engine.Event
	err = c.stepAndSend(p, &ev)
	switch {
	case err != nil:
		return 0, err
	case ev.Kind == engine.EventData:
		in.plain = ev.Data
		return 0, nil
	case ev.Kind != engine.EventWantRead:
		return 0, c.handle(&ev)
	}
	return max(ev.Need, 1), nil
}

// fill waits for need bytes from the connection below.
func (c *Conn) fill(need int) error {
	in := &c.in
	err := in.fill(need)
	if err == nil {
		return nil
	}
	err = c.transport("read", err)
	if c.brokenBy() != nil || errors.Is(err, io.EOF) {
		in.err = err
	}
	return err
}

// handle carries out what an event after the handshake reports, other than data.
func (c *Conn) handle(ev *engine.Event) error {
	in := &c.in
	switch ev.Kind {
	case engine.EventClosed:
		in.err = io.EOF
		in.giveBack()
		return io.EOF
	case engine.EventClientAuth:
		if !ev.Declined {
			c.proved()
		}
		c.answered(ev.Context)
	case engine.EventAuthAnswered:
		s := in.recv.State()
		c.state.Store(&s)
	case engine.EventSession:
		return c.offer(ev.Session)
	case engine.EventWaiting:
		return c.answer(context.Background(), ev.Question)
	}
	return nil
}

// stepAndSend takes one step and sends what it leads to. Its errors are final.
func (c *Conn) stepAndSend(p []byte, ev *engine.Event) error {
	err := c.in.step(p, ev)
	if err == nil && ev.Reply.Empty() {
		return c.in.err
	}
	if err != nil {
		c.in.err = c.fatal(err) // first, for a write under way that takes the alert along
		c.alerted.Store(!ev.Reply.Empty() || c.out.mail.full.Load())
	}
	c.forward(ev.Reply, err)
	if err == nil && c.out.mail.over.Load() {
		c.in.err = c.fatal(errMail)
	}
	return c.in.err
}

// fill reads more from the connection below, until need bytes are there or it
// has to wait.
func (in *reading) fill(need int) error {
	in.giveBack()
	if !in.done {
		in.setAside()
	}
	size := bufferSize
	if !in.done {
		size = len(in.stash) + need // what a deadline left in stash is not counted in need
	}
	in.makeRoom(need)
	buf, n, err := in.source.fill(in.buf, max(in.w, len(in.stash)), size)
	if in.buf = buf; buf != nil && in.stash != nil {
		in.w = copy(buf.b, in.stash)
		in.stash = nil
	}
	in.w += n
	return err
}

// makeRoom makes room in the buffer for need bytes that are not processed yet.
func (in *reading) makeRoom(need int) {
	if in.buf == nil || in.r+need <= len(in.buf.b) {
		return
	}
	to := in.buf
	if need > len(to.b) {
		to = getBuffer(need)
		defer putBuffer(in.buf)
	}
	in.w = copy(to.b, in.buffered())
	in.buf, in.r = to, 0
}

// setAside keeps what is in the buffer in as much memory as it takes, and gives the
// buffer back: a client that is not authenticated and waits in the middle of a record
// does not occupy a buffer.
func (in *reading) setAside() {
	if in.buf == nil {
		return
	}
	in.stash = bytes.Clone(in.buffered())
	in.free()
}

// release returns the buffer to the pool when the connection is closed and no Read
// is under way.
func (in *reading) release() {
	if in.TryLock() {
		defer in.Unlock()
		if in.plain == nil {
			in.free()
		}
	}
}

// forward puts what the engine has to send into the mailbox and, if it cannot wait
// for the next write, sends it now. A write that is under way sends it instead:
// between two batches of records, or at its end. After a failure the write under way
// gets a time limit, so that the alert is sent.
func (c *Conn) forward(o engine.Outgoing, failed error) {
	c.out.mail.put(o)
	switch {
	case failed != nil && c.out.mail.full.Load():
		c.limitWrites()
		c.sendUrgent()
	case o.Urgent():
		c.sendUrgent()
	}
}

var errMail = &engine.Error{
	Fault: engine.FaultLimit, Reason: "the peer sends requests without reading the responses",
}

// plainSource reads any net.Conn. It cannot find out when data arrives, so it
// waits with a small buffer of its own after a read that brought little, and
// with a whole one after a read that brought much.
type plainSource struct {
	conn *Conn
	raw  net.Conn
	busy bool
}

// A waitingRoom is the buffer of a plainSource that waits, and a flightRoom that of one that waits
// during the handshake: most flights are no longer, and need no second read.
type (
	waitingRoom [512]byte
	flightRoom  [2048]byte
)

var (
	waitingRooms = sync.Pool{New: func() any { return new(waitingRoom) }}
	flightRooms  = sync.Pool{New: func() any { return new(flightRoom) }}
)

func (s *plainSource) fill(buf *buffer, w, size int) (*buffer, int, error) {
	switch {
	case buf == nil && !s.busy && !s.conn.in.done:
		room := flightRooms.Get().(*flightRoom)
		defer flightRooms.Put(room)
		return s.fillFrom(room[:], w, size)
	case buf == nil && !s.busy:
		room := waitingRooms.Get().(*waitingRoom)
		defer waitingRooms.Put(room)
		return s.fillFrom(room[:], w, size)
	case buf == nil:
		buf = getBuffer(size)
	}
	n, err := s.read(buf.b[w:])
	s.busy = n >= len(waitingRoom{})
	if n <= 0 && w == 0 {
		putBuffer(buf)
		buf = nil
	}
	return buf, n, whole(n, err)
}

// fillFrom waits with a small room, and takes a buffer for what has come.
func (s *plainSource) fillFrom(room []byte, w, size int) (buf *buffer, n int, err error) {
	n, err = s.read(room)
	if n > 0 {
		buf = getBuffer(max(size, w+n))
		copy(buf.b[w:], room[:n])
		s.busy = n == len(room)
	}
	return buf, n, whole(n, err)
}

// read waits for data.
func (s *plainSource) read(b []byte) (int, error) {
	s.conn.sleep()
	defer s.conn.wake()
	return s.raw.Read(b)
}

// write implements source.
func (s *plainSource) write(p []byte) (int, error) { return s.raw.Write(p) }

// rest implements source. The connection below has the buffer until its Read returns.
func (*plainSource) rest(int) {}

// whole leaves an error that came with data for the next read.
func whole(n int, err error) error {
	if n > 0 {
		return nil
	}
	return err
}
