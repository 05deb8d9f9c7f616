package stream

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// writing is the sending half of a Conn.
type writing struct {
	mutex
	send   *engine.Sender
	unsent []byte // sealed records that a deadline kept back
	// stalled is set while the peer takes nothing: a deadline passed in the last write.
	stalled atomic.Bool
	rare    atomic.Pointer[rare] // nil on most connections
	mail    mailbox
}

// A rare is what the sending half of few connections has.
type rare struct {
	failed       error       // a callback panicked while records were sealed
	kernel       recordMaker // that seals the records, if it does: what the engine seals are frames
	kernelFailed bool        // and is not asked again

	// fake, if set, stands in place of the kernel of Linux, in tests.
	fake func(net.Conn, engine.SendingKey) (recordMaker, error)

	// noKernel is why the kernel does not seal: a nil error if it does, and a nil pointer while it
	// was not asked. It is read without the lock of the sending half, which a write that waits for
	// the peer holds.
	noKernel atomic.Pointer[error]
}

// A recordMaker is a *kernel. Without the interface every program would link it, also one that
// sends no file.
type recordMaker interface {
	write(frames []byte, s *engine.Sender) (rest []byte, err error)
	sendFile(f *os.File, offset int64, n int) (sent int, err error)
	end() error
	next() (seq uint64, err error)
	drained() (bool, error)
}

// seldom returns the rare, which it makes if there is none.
func (out *writing) seldom() *rare {
	if out.rare.Load() == nil {
		out.rare.Store(new(rare))
	}
	return out.rare.Load()
}

// failed is the error of a callback that panicked.
func (out *writing) failed() error {
	if r := out.rare.Load(); r != nil {
		return r.failed
	}
	return nil
}

// kernel is what seals the records in place of the engine, or nil.
func (out *writing) kernel() recordMaker {
	if r := out.rare.Load(); r != nil {
		return r.kernel
	}
	return nil
}

// A mailbox holds what the receiving half has to send.
type mailbox struct {
	sync.Mutex
	out    engine.Outgoing
	full   atomic.Bool
	urgent atomic.Bool
	over   atomic.Bool // more than maxMail wait
	count  int32       // of urgent ones in it
}

// maxMail bounds what waits to be sent: a server could ask for certificates
// without end and not take the answers.
const maxMail = 64

func (m *mailbox) put(o engine.Outgoing) {
	if o.Empty() {
		return
	}
	m.Lock()
	defer m.Unlock()
	m.out.Add(o)
	m.full.Store(true)
	if o.Urgent() {
		m.urgent.Store(true)
		m.count++
		m.over.Store(m.count > maxMail)
	}
}

func (m *mailbox) take() engine.Outgoing {
	if !m.full.Load() {
		return engine.Outgoing{}
	}
	m.Lock()
	defer m.Unlock()
	o := m.out
	m.out = engine.Outgoing{}
	m.full.Store(false)
	m.urgent.Store(false)
	m.over.Store(false)
	m.count = 0
	return o
}

// Write seals and writes p. If a deadline passes, n counts what is sealed: the next call
// sends those bytes.
func (c *Conn) Write(p []byte) (n int, err error) {
	if err := c.Handshake(context.Background()); err != nil {
		return 0, err
	}
	c.out.Lock()
	defer c.unlockOut()
	return c.write(p)
}

// unlockOut ends writing. What came into the mailbox meanwhile and could not be sent
// by the receiving half, because the sending half was held, is sent now.
func (c *Conn) unlockOut() {
	c.out.Unlock()
	c.wrote()
	c.sendUrgent()
}

// sendUrgent sends what is in the mailbox and cannot wait for the next write. If
// another goroutine holds the sending half, that one sends it. What a deadline keeps back is
// left to the next write.
func (c *Conn) sendUrgent() {
	for err := error(nil); err == nil && c.out.mail.urgent.Load() && c.out.TryLock(); {
		if err = c.out.flush(c.in.source); err != nil {
			c.transport("write", err)
		}
		c.out.Unlock()
		c.wrote()
	}
}

// writable sends what is waiting, and returns why nothing else can be sent now.
func (c *Conn) writable() error {
	if err := c.brokenBy(); err != nil {
		return err
	}
	if c.closing.Load() {
		return c.closedError("write")
	}
	if err := c.overdue(); err != nil {
		return err
	}
	if err := c.out.deliver(c.in.source, nil); err != nil {
		return c.transport("write", err)
	}
	return nil
}

// write writes p in batches of records.
func (c *Conn) write(p []byte) (n int, err error) {
	if err := c.writable(); err != nil {
		return 0, err
	}
	if len(p) >= spreadSize && c.out.kernel() == nil {
		if n, err = c.writeSpread(p); err != nil || n == len(p) {
			return n, err
		}
	}
	m, err := c.writeSerial(p[n:])
	return n + m, err
}

// writeSerial seals and writes one batch after another.
func (c *Conn) writeSerial(p []byte) (n int, err error) {
	buf := getBuffer(bufferSize)
	defer putBuffer(buf)
	for first := true; first && len(p) == 0 || len(p) > 0; first = false {
		chunk := p[:batchLen(len(p), c.out.send.MaxData())]
		dst, err := c.out.apply(buf.b[:0])
		if err != nil {
			return n, c.sealing(dst, err)
		}
		if len(chunk) > 0 {
			if dst, err = c.out.sealData(dst, chunk); err != nil {
				return n, c.sealing(dst, err)
			}
		}
		n += len(chunk)
		p = p[len(chunk):]
		if err := c.out.deliver(c.in.source, dst); err != nil {
			return n, c.transport("write", err)
		}
	}
	return n, nil
}

// deliver writes sealed bytes, after those that are still waiting. What a
// deadline keeps back is kept.
func (out *writing) deliver(to source, sealed []byte) error {
	if k := out.kernel(); k != nil {
		if err := k.end(); err != nil {
			out.unsent = append(out.unsent, sealed...)
			out.stalled.Store(isTimeout(err))
			return err
		}
	}
	if len(out.unsent) > 0 {
		rest, err := out.put(to, out.unsent)
		out.unsent = rest
		if err != nil {
			out.unsent = append(out.unsent, sealed...)
			out.stalled.Store(isTimeout(err))
			return err
		}
		out.unsent = nil
		out.stalled.Store(false)
	}
	if len(sealed) == 0 {
		return nil
	}
	rest, err := out.put(to, sealed)
	if err != nil {
		out.unsent = append([]byte(nil), rest...)
		out.stalled.Store(isTimeout(err))
	}
	return err
}

// put writes records, or has the kernel make them, and returns what is left after an error.
func (out *writing) put(to source, sealed []byte) (rest []byte, err error) {
	if k := out.kernel(); k != nil {
		return k.write(sealed, out.send)
	}
	n, err := to.write(sealed)
	return sealed[n:], err
}

// apply appends what is in the mailbox.
func (out *writing) apply(dst []byte) ([]byte, error) {
	o := out.mail.take()
	if o.Empty() {
		return dst, nil
	}
	return out.seal(dst, func(s *engine.Sender, dst []byte) ([]byte, error) {
		return s.Apply(dst, o)
	})
}

// sealData appends records with data.
func (out *writing) sealData(dst, data []byte) ([]byte, error) {
	return out.seal(dst, func(s *engine.Sender, dst []byte) ([]byte, error) {
		return s.Seal(dst, data)
	})
}

// sealing ends the connection after records could not be sealed, unless that is the
// caller's mistake, and sends what was sealed before: an alert, perhaps. The sending
// half is held.
func (c *Conn) sealing(sealed []byte, err error) error {
	var e *engine.Error
	mistake := errors.As(err, &e) && e.Fault == engine.FaultUsage
	if len(sealed) > 0 {
		if !mistake || errors.Is(err, engine.ErrClosed) {
			c.limitWrites() // nothing follows
		}
		c.out.deliver(c.in.source, sealed)
	}
	switch {
	case c.brokenBy() != nil:
		return c.brokenBy() // why the alert was sent that closed this half
	case errors.Is(err, engine.ErrClosed) && c.closing.Load():
		return c.closedError("write") // by Abort
	case mistake:
		return err
	}
	c.alerted.Store(len(sealed) > 0)
	return c.fatal(err)
}

// flush sends what is in the mailbox. It stays there, where it is counted, while a deadline
// keeps back what was sealed before.
func (out *writing) flush(to source) error {
	if err := out.deliver(to, nil); err != nil {
		return err
	}
	if !out.mail.full.Load() {
		return nil
	}
	buf := getBuffer(smallSize)
	defer putBuffer(buf)
	sealed, err := out.apply(buf.b[:0])
	if err != nil {
		out.deliver(to, sealed)
		return err
	}
	return out.deliver(to, sealed)
}

// closeNotify sends what is waiting and then the end.
func (out *writing) closeNotify(to source) error {
	if err := out.flush(to); err != nil {
		return err
	}
	sealed, err := out.seal(nil, (*engine.Sender).CloseNotify)
	if err != nil {
		return err
	}
	return out.deliver(to, sealed)
}

// abort sends what is waiting and then a fatal alert.
func (out *writing) abort(to source, a iana.Alert) error {
	if err := out.flush(to); err != nil {
		return err
	}
	sealed, err := out.seal(nil, func(s *engine.Sender, dst []byte) ([]byte, error) {
		return s.Abort(dst, a)
	})
	if err != nil {
		return err
	}
	return out.deliver(to, sealed)
}
