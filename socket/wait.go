package socket

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// direction is which half of a socket a call waits for.
type direction int

const (
	reading direction = iota
	writing
)

// An op is one system call that may have to wait, with everything it points
// to, so that a call allocates nothing: ops are reused, and attempt is bound
// once.
type op struct {
	sysop // what the platform's calls need beside this

	call    func(o *op, fd uintptr) syscall.Errno
	attempt func(fd uintptr) bool // try
	look    func(fd uintptr)      // tryOnce
	once    bool                  // answer EAGAIN instead of waiting for it to end
	errno   syscall.Errno

	buf     []byte
	flags   int
	n       int // bytes moved
	name    [sockaddrSize]byte
	nameLen int
	wants   bool // fill name with the sender's address
}

var ops = sync.Pool{New: func() any {
	o := new(op)
	o.attempt, o.look = o.try, o.tryOnce
	return o
}}

func newOp(call func(*op, uintptr) syscall.Errno) *op {
	o := ops.Get().(*op)
	o.call = call
	return o
}

// free drops the references to the caller's memory. The name is left: it is
// written before it is read.
func (o *op) free() {
	o.sysop.clear()
	o.call, o.buf = nil, nil
	o.once, o.wants = false, false
	o.errno, o.flags, o.n, o.nameLen = 0, 0, 0, 0
	ops.Put(o)
}

// try runs the call and reports whether its answer is final.
func (o *op) try(fd uintptr) bool {
	o.tryOnce(fd)
	return o.errno != errWouldBlock
}

func (o *op) tryOnce(fd uintptr) {
	for o.errno = syscall.EINTR; o.errno == syscall.EINTR; {
		o.errno = o.call(o, fd)
	}
}

// run executes o until it has an answer, the context is done, the deadline
// passes or the socket is closed. The answer's error is a syscall.Errno.
func (s *Socket) run(ctx context.Context, dir direction, o *op) error {
	if err := s.before(dir); err != nil {
		return err
	}
	if o.once {
		return s.runOnce(o)
	}
	if ctx.Done() == nil {
		return s.poll(dir, o, never)
	}
	side := &s.sides[dir]
	switch {
	case s.closed.Load():
		return net.ErrClosed
	case ctx.Err() != nil:
		return cause(ctx)
	case side.passed():
		return os.ErrDeadlineExceeded
	}
	// Most calls need not wait, and watching a context costs an allocation.
	err := s.runOnce(o)
	if err != ErrWouldBlock {
		return err
	}
	w := watch{side: side}
	stop := context.AfterFunc(ctx, w.interrupt)
	err = s.poll(dir, o, func() bool { return ctx.Err() != nil })
	stop()
	w.end()
	if err != nil && ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return cause(ctx)
	}
	return err
}

// before returns the error of a call that is not made.
func (s *Socket) before(dir direction) error {
	if !s.made() {
		return errNotMade
	}
	if dir == reading && s.missed.Load() != nil {
		if errno := s.missed.Swap(nil); errno != nil {
			return *errno
		}
	}
	return nil
}

// runOnce executes o without waiting, neither for the kernel nor for other
// calls of the same direction.
func (s *Socket) runOnce(o *op) error {
	err := s.sys.control(o.look)
	switch {
	case err != nil && (s.closed.Load() || errors.Is(err, os.ErrClosed)):
		return net.ErrClosed
	case err != nil:
		return err
	case o.errno != 0:
		return o.errno
	}
	return nil
}

func never() bool { return false }

// poll runs o on the poller. It distinguishes a deadline that the user set from one
// that a cancelled call on the same side set for a moment to wake itself: done
// reports whether this call is the cancelled one.
func (s *Socket) poll(dir direction, o *op, done func() bool) error {
	for {
		err := s.sys.wait(dir, o)
		switch {
		case err == nil && o.errno != 0:
			return o.errno
		case err == nil:
			return nil
		case s.closed.Load():
			return net.ErrClosed
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case done() || s.sides[dir].expired(done):
			return os.ErrDeadlineExceeded
		}
	}
}

// A side is the deadline of one direction.
type side struct {
	mu      sync.Mutex
	quiet   sync.Cond // no call is being cancelled, or one more is
	set     func(time.Time) error
	user    time.Time // what the user asked for, with a monotonic reading
	cancels int       // calls being cancelled now
}

func (d *side) prepare(set func(time.Time) error) {
	d.set = set
	d.quiet.L = &d.mu
}

// setUser sets the user's deadline. While a call is being cancelled it is only
// noted: the call restores it.
func (d *side) setUser(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !t.IsZero() {
		// The poller counts from now by the monotonic clock; so must expired.
		t = time.Now().Add(time.Until(t))
	}
	d.user = t
	if d.cancels > 0 {
		return nil
	}
	return d.set(t)
}

// passed reports whether the user's own deadline has passed.
func (d *side) passed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.late()
}

func (d *side) late() bool { return !d.user.IsZero() && !time.Now().Before(d.user) }

// expired waits until no call is being cancelled and reports whether the
// user's own deadline has passed. It does not wait for its own call, which may be
// cancelled meanwhile: done reports that.
func (d *side) expired(done func() bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.cancels > 0 {
		if done() {
			return true
		}
		d.quiet.Wait()
	}
	return d.late()
}

// A watch ties a context to one waiting call.
type watch struct {
	side  *side
	ended bool
	fired bool
}

// aLongTimeAgo is a deadline that has passed.
var aLongTimeAgo = time.Unix(1, 0)

// interrupt wakes the calls that wait on the side.
func (w *watch) interrupt() {
	w.side.mu.Lock()
	defer w.side.mu.Unlock()
	if w.ended {
		return
	}
	w.fired = true
	w.side.cancels++
	_ = w.side.set(aLongTimeAgo)
	w.side.quiet.Broadcast() // this call may wait for others to be cancelled
}

// end restores the user's deadline once the last cancelled call is out.
func (w *watch) end() {
	w.side.mu.Lock()
	defer w.side.mu.Unlock()
	w.ended = true
	if !w.fired {
		return
	}
	if w.side.cancels--; w.side.cancels == 0 {
		_ = w.side.set(w.side.user)
		w.side.quiet.Broadcast()
	}
}
