package tunnel

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/alarm"
	"github.com/sealsock/sealsock/socket"
)

// An end is one of the two connections of a pair.
type end struct {
	name string // "the client" or "the backend", for errors
	conn net.Conn

	writing sync.Mutex // held during a write
	reset   bool       // a write found the connection reset; after the write
}

func newEnd(name string, conn net.Conn) *end {
	return &end{name: name, conn: conn}
}

// write notes whether the connection was reset, which a socket reports once.
func (e *end) write(b []byte) (int, error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	n, err := e.conn.Write(b)
	e.reset = err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, syscall.EPIPE)
	return n, err
}

// wasReset reports whether the end of what e has sent is a reset: a write received the error,
// and a read returns io.EOF then, as after an orderly end. A reset ends a write that is under
// way, so one that lasts has found none.
func (e *end) wasReset() bool {
	const most = 50 // milliseconds
	for range most {
		if e.writing.TryLock() {
			defer e.writing.Unlock()
			return e.reset
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

// cut ends the connection so that the peer does not take what it has received for the whole.
func (e *end) cut() {
	switch c := e.conn.(type) {
	case *sealsock.Conn:
		c.SetWriteDeadline(time.Now().Add(cutTime))
		c.Abort(iana.AlertInternalError)
		return
	case interface{ Abort() error }: // a WebSocket
		c.Abort()
		return
	}
	below := e.conn
	if r, ok := below.(*replayed); ok {
		below = r.Conn
	}
	if c, ok := below.(interface{ SetLinger(seconds int) error }); ok {
		c.SetLinger(0)
	}
	if s, ok := below.(*socket.Socket); ok {
		socket.Lingers.Set(s, socket.Linger{On: 1})
	}
	e.conn.Close()
}

// cutTime bounds the alert of a connection that is cut, and the time for what a peer sent
// before it stopped reading.
const cutTime = 5 * time.Second

// closeWrite ends the sending direction of a connection.
func closeWrite(conn net.Conn) error {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errNoHalfClose
}

var errNoHalfClose = errors.New("this connection cannot close one direction")

// A pair carries data between a client and a backend, in both directions at once. The end of
// one direction passes to the other connection as the end of that direction alone. A direction
// that fails cuts both connections, so that neither side takes what it has for the whole.
//
// A pair can be stopped between two system calls: what one connection has sent and the other
// not yet received is then in the directions, and another process may continue.
type pair struct {
	client, backend *end
	up, down        *direction
	idle, lifetime  time.Duration
	began           time.Time    // lifetime counts from then, also in another process
	limit           int64        // bytes of both directions; 0 for no bound
	granted         atomic.Int64 // bytes that limit has allowed, sent or about to be
	throttles       []*throttle

	last     atomic.Int64 // the time of the last data: see clock
	stopping atomic.Bool

	mu     sync.Mutex
	runs   *outcome      // while run runs
	why    error         // the reason of interrupt
	halted chan struct{} // closed by stop and interrupt; nil until a throttle delays
}

// A direction carries what one end receives to the other.
type direction struct {
	from, to *end
	bytes    atomic.Int64

	left  []byte // received and not sent; owned by carry while it runs
	ended bool   // from has sent its end
	done  bool   // and to has received it
}

func newPair(client, backend net.Conn) *pair {
	p := &pair{client: newEnd("the client", client), backend: newEnd("the backend", backend),
		began: time.Now()}
	p.up = &direction{from: p.client, to: p.backend}
	p.down = &direction{from: p.backend, to: p.client}
	p.last.Store(int64(p.began.Sub(clock)))
	return p
}

// errStopped is the result of a pair that was stopped: nothing of it was closed.
var errStopped = errors.New("the pair was stopped")

// A halfError is the failure of one direction.
type halfError struct {
	sending bool
	err     error
}

func (e *halfError) Error() string { return e.err.Error() }
func (e *halfError) Unwrap() error { return e.err }

// run carries data until both directions have ended, or the pair is interrupted or stopped. It
// closes both connections unless its result is errStopped. One direction has the goroutine of
// the caller, so that a connection costs two. An idle pair has no context, which would be a
// twentieth of its memory.
func (p *pair) run() error {
	defer p.watch()()
	ours, other := p.directions()
	o := &outcome{p: p}
	for _, d := range []*direction{ours, other} {
		if d != nil {
			o.running++
		}
	}
	o.all.Add(o.running)
	p.begins(o)
	if other != nil {
		go func() { o.report(p.carry(other)) }()
	}
	if ours != nil {
		o.report(p.carry(ours))
		o.all.Wait()
	}
	p.begins(nil)
	err := o.result()
	if !errors.Is(err, errStopped) {
		p.client.conn.Close()
		p.backend.conn.Close()
	}
	return err
}

// begins makes o what interrupt ends, at once if the pair was interrupted before.
func (p *pair) begins(o *outcome) {
	p.mu.Lock()
	p.runs = o
	why := p.why
	p.mu.Unlock()
	if o != nil && why != nil {
		o.interrupt(why)
	}
}

// interrupt ends the pair for a reason, now or when it runs. It waits for the alerts.
func (p *pair) interrupt(why error) {
	p.mu.Lock()
	if p.why != nil {
		p.mu.Unlock()
		return
	}
	p.why = why
	p.halt()
	o := p.runs
	p.mu.Unlock()
	if o != nil {
		o.interrupt(why)
	}
}

// halt ends the delays of throttles. The lock is held.
func (p *pair) halt() {
	if p.halted == nil {
		return
	}
	select {
	case <-p.halted:
	default:
		close(p.halted)
	}
}

// halts returns a channel that stop and interrupt close.
func (p *pair) halts() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.halted == nil {
		p.halted = make(chan struct{})
		if p.why != nil || p.stopping.Load() {
			close(p.halted)
		}
	}
	return p.halted
}

// directions returns those that are not done, or nil. Of two, the first reads plaintext: its calls
// need less of the stack, and the caller of run uses some already.
func (p *pair) directions() (first, second *direction) {
	first, second = p.down, p.up
	if _, sealed := p.client.conn.(*sealsock.Conn); !sealed {
		first, second = p.up, p.down
	}
	if second.done {
		second = nil
	}
	if first.done {
		first, second = second, nil
	}
	return first, second
}

// clearer returns the error that explains more: a reset that a read returns is the reason of
// the write that failed before it.
func clearer(first, err error) error {
	if first == nil || atSending(first) {
		return err
	}
	return first
}

// atSending reports whether an error is that of a write.
func atSending(err error) bool {
	var half *halfError
	return errors.As(err, &half) && half.sending
}

// cut cuts both connections.
func (p *pair) cut() {
	var both sync.WaitGroup
	both.Go(p.client.cut)
	both.Go(p.backend.cut)
	both.Wait()
}

// watch ends the pair when it has been idle or open for too long.
func (p *pair) watch() (stop func()) {
	var limits []*alarm.Alarm
	if p.lifetime > 0 {
		limits = append(limits, alarm.After(p.lifetime-time.Since(p.began), func() {
			p.interrupt(&refusal{reason: "lifetime", text: "the connection has lasted as long as " +
				"limits.lifetime allows"})
		}))
	}
	if p.idle > 0 {
		var t *alarm.Alarm
		look := func() {
			if quiet := p.quiet(); quiet < p.idle {
				t.Reset(p.idle - quiet)
				return
			}
			p.interrupt(&refusal{reason: "idle", text: fmt.Sprint("no data for ", p.idle, " (limits.idle)")})
		}
		t = alarm.After(time.Hour, look)
		t.Reset(p.idle - p.quiet())
		limits = append(limits, t)
	}
	return func() {
		for _, t := range limits {
			t.Stop()
		}
	}
}

// quiet is the time since the last data.
func (p *pair) quiet() time.Duration { return time.Since(clock) - time.Duration(p.last.Load()) }

// stop makes run return errStopped soon, unless the pair ends before.
func (p *pair) stop() {
	if p.stopping.Swap(true) {
		return
	}
	p.mu.Lock()
	p.halt()
	p.mu.Unlock()
	past := time.Unix(1, 0)
	p.client.conn.SetDeadline(past)
	p.backend.conn.SetDeadline(past)
}

// resume makes run possible again, after it has returned errStopped.
func (p *pair) resume() {
	p.client.conn.SetDeadline(time.Time{})
	p.backend.conn.SetDeadline(time.Time{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.halted = nil
	p.stopping.Store(false)
}

// carry returns nil after the end was passed on.
func (p *pair) carry(d *direction) error {
	from := newSource(d.from.conn, func(data []byte) error {
		d.left = data
		return p.send(d)
	})
	if err := p.sendSealed(d); err != nil {
		return err
	}
	for {
		if err := p.send(d); err != nil {
			return err
		}
		if d.ended {
			return p.sendEnd(d)
		}
		sent, err := from.pass()
		if sent != nil {
			return sent
		}
		if err = p.received(d, err); err != nil {
			return err
		}
	}
}

// received judges the result of a read.
func (p *pair) received(d *direction, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		if d.from.wasReset() {
			return d.failure(false, syscall.ECONNRESET)
		}
		d.ended = true
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded) && p.stopping.Load():
		return errStopped
	}
	return d.failure(false, err)
}

// send sends what is left. If the pair is stopped, it keeps a copy of what it did not send.
func (p *pair) send(d *direction) error {
	for len(d.left) > 0 {
		step := p.step(len(d.left))
		if err := p.charge(d, step); err != nil {
			d.left = append([]byte(nil), d.left...)
			return err
		}
		n, err := d.to.write(d.left[:step])
		d.left = d.left[n:]
		d.bytes.Add(int64(n))
		if n > 0 {
			p.last.Store(int64(time.Since(clock)))
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded) && p.stopping.Load():
			d.left = append([]byte(nil), d.left...)
			return errStopped
		default:
			d.left = nil
			failure := d.failure(true, err)
			p.discard(d, failure)
			return failure
		}
	}
	d.left = nil
	return nil
}

// sendSealed sends what a Write has encrypted, and the socket did not take before a deadline or
// before another process took the connection over. Without it that would stay until there is
// more to write, and both sides could wait for each other.
func (p *pair) sendSealed(d *direction) error {
	c, ok := d.to.conn.(*sealsock.Conn)
	if !ok {
		return nil
	}
	_, err := c.Write(nil)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded) && p.stopping.Load():
		return errStopped
	}
	return d.failure(true, err)
}

// smallest is the least that a throttle lets pass at once, in bytes.
const smallest = 1 << 10

// sendEnd passes on the end of a direction.
func (p *pair) sendEnd(d *direction) error {
	err := closeWrite(d.to.conn)
	switch {
	case err == nil:
		d.done = true
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded) && p.stopping.Load():
		return errStopped
	}
	return d.failure(true, err)
}

// step is how much of n bytes is sent at once, so that no throttle delays for long.
func (p *pair) step(n int) int {
	for _, t := range p.throttles {
		n = min(n, max(smallest, int(t.rate*burst.Seconds())))
	}
	return n
}

// charge waits until n bytes may be sent.
func (p *pair) charge(d *direction, n int) error {
	if p.limit > 0 && p.granted.Add(int64(n)) > p.limit {
		return &refusal{reason: "bytes", text: fmt.Sprintf("the connection carries more than %d bytes "+
			"(limits.bytes)", p.limit)}
	}
	var wait time.Duration
	for _, t := range p.throttles {
		wait = max(wait, t.take(n, time.Now()))
	}
	if wait == 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.halts():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why != nil {
		return d.failure(false, p.why)
	}
	return errStopped
}

// failure is the error of a direction.
func (d *direction) failure(sending bool, err error) error {
	if sending {
		err = fmt.Errorf("%s stopped reading before all data was sent: %w", d.to.name, err)
	} else {
		err = fmt.Errorf("%s ended the connection before its end: %w", d.from.name, err)
	}
	return &halfError{sending, err}
}

// A throttle spreads bytes over time.
type throttle struct {
	rate float64 // bytes a second

	mu   sync.Mutex
	paid time.Time // what was taken is paid for until then
}

// burst is how much time may be used in advance.
const burst = 250 * time.Millisecond

// take takes n bytes and returns how long to wait before they are sent.
func (t *throttle) take(n int, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if earliest := now.Add(-burst); t.paid.Before(earliest) {
		t.paid = earliest
	}
	t.paid = t.paid.Add(time.Duration(float64(n) / t.rate * float64(time.Second)))
	return max(0, t.paid.Sub(now))
}
