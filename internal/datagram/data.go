package datagram

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/stream"
	"github.com/sealsock/sealsock/internal/udpbatch"
)

// Read copies the next message into p and returns its size. A message that p does not hold is
// kept, and the error is io.ErrShortBuffer.
func (c *Conn) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, c.Handshake(context.Background())
	}
	err = c.read(func() (ok bool, err error) {
		n, ok, err = c.in.take(p)
		return ok, err
	})
	return n, err
}

// ReadBatch is Read for as many messages as there are, but at least one. Each element of buffers
// is cut to the size of its message.
func (c *Conn) ReadBatch(buffers [][]byte) (n int, err error) {
	err = c.read(func() (bool, error) {
		for n < len(buffers) {
			size, ok, err := c.in.take(buffers[n])
			if !ok || err != nil {
				if n > 0 {
					err = nil // the next call has it
				}
				return n > 0, err
			}
			buffers[n] = buffers[n][:size]
			n++
		}
		return true, nil
	})
	return n, err
}

// sealed are buffers for datagrams that are sent.
var sealed = sync.Pool{New: func() any { b := make([]byte, 0, smallMessage); return &b }}

// Write sends p as one message, in one datagram.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.Handshake(context.Background()); err != nil {
		return 0, err
	}
	return c.write(p)
}

// write is Write for a connection on which messages can be sent.
func (c *Conn) write(p []byte) (int, error) {
	if err := c.writable(); err != nil || len(p) == 0 {
		return 0, err
	}
	b := sealed.Get().(*[]byte)
	defer sealed.Put(b)
	d, err := c.seal((*b)[:0], p)
	if err != nil {
		return 0, err
	}
	*b = d
	defer c.timed()()
	if err := c.path.send(d); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteBatch is Write for several messages.
func (c *Conn) WriteBatch(messages [][]byte) (n int, err error) {
	if err := c.Handshake(context.Background()); err != nil {
		return 0, err
	}
	defer c.timed()()
	s := batches.Get().(*batch)
	defer batches.Put(s)
	for len(messages) > 0 && err == nil {
		if err = c.writable(); err != nil {
			return n, err
		}
		s.b, s.sizes, s.end = s.b[:0], s.sizes[:0], s.end[:0]
		sealed := c.sealBatch(s, messages)
		var sent int
		if len(s.sizes) > 0 {
			var unsent error
			if sent, unsent = c.path.sendBatch(s.b, s.sizes); unsent != nil {
				return n + s.end[sent], unsent
			}
		}
		n, messages, err = n+sealed, messages[sealed:], s.err
	}
	return n, err
}

// A batch is the datagrams of a WriteBatch, one behind another.
type batch struct {
	b     []byte
	sizes []int // of the datagrams
	end   []int // how many messages are before the one of a datagram
	err   error // of the message behind those of the batch
}

var batches = sync.Pool{New: func() any {
	return &batch{b: make([]byte, 0, udpbatch.MaxBytes+largestMessage)}
}}

// sealBatch seals as many messages as a batch takes, and returns how many.
func (c *Conn) sealBatch(s *batch, messages [][]byte) (n int) {
	s.err = nil
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		if v := recover(); v != nil {
			s.err = c.fail(panicked(v))
		}
		c.sent()
	}()
	for ; n < len(messages); n++ {
		p := messages[n]
		if len(p) == 0 {
			continue // as by Write
		}
		full := len(s.b)+len(p)+recordRoom > udpbatch.MaxBytes
		if full && len(s.sizes) > 0 || len(s.sizes) == udpbatch.MaxDatagrams {
			return n
		}
		before := len(s.b)
		d, err := c.sealLocked(s.b, p, 0)
		if err != nil {
			s.err = err
			return n
		}
		s.b, s.sizes, s.end = d, append(s.sizes, len(d)-before), append(s.end, n)
	}
	return n
}

// recordRoom is more than a record has beside its message: a header, a connection ID and a tag.
const recordRoom = 512

// writable returns the error that a Write has, or nil.
func (c *Conn) writable() error {
	c.in.mu.Lock()
	err, by := c.in.err, c.in.writeBy
	c.in.mu.Unlock()
	if err != nil {
		return err
	}
	return c.overdue("write", by)
}

// seal appends the datagram of a message. What the engine has to send beside it, such as a new
// key, follows with its next call, which the timer makes at once.
func (c *Conn) seal(dst, p []byte) (d []byte, err error) { return c.sealUpTo(dst, p, 0) }

// sealUpTo is seal for a message that takes the place of one of n bytes, which was sent as 0-RTT
// data. It must not end the connection that the record of another epoch is longer, by a connection
// ID, or that the MTU has become less since. It returns nil for a message that no record has room
// for any more: the peer's limit was not known.
func (c *Conn) sealUpTo(dst, p []byte, n int) (d []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		if v := recover(); v != nil {
			d, err = nil, c.fail(panicked(v))
		}
		c.sent()
	}()
	return c.sealLocked(dst, p, n)
}

// sealLocked is sealUpTo while the engine is locked. A panic in a callback of its configuration is
// that of the caller, who calls sent afterwards.
func (c *Conn) sealLocked(dst, p []byte, n int) (d []byte, err error) {
	if most := c.engine.MaxData(); len(p) > max(most, n) {
		return nil, tooLong(len(p), most, c.engine.MTU())
	}
	if err := c.spendEarly(p); err != nil {
		return nil, err
	}
	if d, err = c.engine.Send(dst, p); err != nil && n > 0 && isUsage(err) {
		return nil, nil
	}
	return d, err
}

// sent notes that messages were sealed. The engine is locked.
func (c *Conn) sent() {
	// The Timeout is of 1970 if there is more to send.
	if c.used = true; c.quiet.IsZero() || c.engine.Timeout().Unix() == 0 {
		c.use()
	}
}

// isUsage reports whether an error changes nothing.
func isUsage(err error) bool {
	var e *engine.Error
	return errors.As(err, &e) && e.Fault == engine.FaultUsage
}

// MaxMessage is the size of the largest message.
func (c *Conn) MaxMessage() int {
	if !c.Made() {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.engine.MaxData()
}

// ReadFrom sends what each Read of r returns as one message, until the end of r.
func (c *Conn) ReadFrom(r io.Reader) (n int64, err error) {
	if err := c.Handshake(context.Background()); err != nil {
		return 0, err
	}
	buf := make([]byte, c.MaxMessage())
	for {
		got, err := r.Read(buf)
		if got > 0 {
			if _, err := c.Write(buf[:got]); err != nil {
				return n, err
			}
			n += int64(got)
		}
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, err
		}
	}
}

// largestMessage is the size of the largest message: that of a record.
const largestMessage = 1 << 14

// WriteTo gives each message to one Write of w, until the peer's close_notify.
func (c *Conn) WriteTo(w io.Writer) (n int64, err error) {
	buf := make([]byte, largestMessage)
	for {
		got, err := c.Read(buf)
		if got > 0 {
			put, err := w.Write(buf[:got])
			n += int64(put)
			if err != nil {
				return n, err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, err
		}
	}
}

// Rekey changes the sending key and, if both is set, asks the peer to change its own.
func (c *Conn) Rekey(ctx context.Context, both bool) error {
	return c.control(ctx, func(e *engine.DatagramConn, now time.Time) error {
		return e.Rekey(now, both)
	})
}

// SendTickets sends, on a server, n tickets for the client to resume with.
func (c *Conn) SendTickets(ctx context.Context, n int) error {
	return c.control(ctx, func(e *engine.DatagramConn, _ time.Time) error { return e.SendTickets(n) })
}

// control calls use on an open connection, whose error is not final.
func (c *Conn) control(
	ctx context.Context, use func(*engine.DatagramConn, time.Time) error,
) (err error) {
	if err := c.Handshake(ctx); err != nil {
		return err
	}
	if err := c.in.ended(); err != nil {
		return err
	}
	c.settle(c.run(call{do: func(e *engine.DatagramConn, now time.Time) ([]engine.Event, error) {
		if err = use(e, now); err != nil {
			return nil, nil
		}
		return e.Expire(now) // which sends what is new
	}}))
	return err
}

// Export derives keying material.
func (c *Conn) Export(label string, context []byte, length int) ([]byte, error) {
	if !c.Made() {
		return nil, stream.ErrNotMade
	}
	s := c.State()
	return s.Export(label, context, length)
}

// Unwrap returns an error: it is for streams.
func (c *Conn) Unwrap(context.Context) (net.Conn, error) {
	return nil, c.lacks("a plain stream below")
}

// lacks is the error for what only a stream can do.
func (c *Conn) lacks(what string) error {
	if !c.Made() {
		return stream.ErrNotMade
	}
	return noStream(what)
}
