package stream

import (
	"runtime/debug"
	"time"
)

// A large Write is sealed on several processors, in shares of a batch of records each. The writer
// numbers the shares and puts them on a board. Helpers, and the writer itself, seal them in their
// order, and the writer sends them in that order. The number of goroutines that help is bounded
// for all connections together, so that connections which share the processors evenly do not start
// helpers for each other.
//
// Where sending takes most of the time, as it does through a socket with AES-GCM, helpers gain
// less than they cost: what another processor has sealed has to come from its cache. So they are
// started only if the first share of a Write took longer to seal than half of the time to send it.

// spreadSize is the least size of a Write that is spread: see BenchmarkSpread.
const spreadSize = 256 << 10

// gains reports whether helpers are worth their cost, after the times of one share.
var gains = func(seal, send time.Duration) bool { return send < 2*seal }

// writeSpread is write for a large p. The sending half is held. What is left of p after n bytes is
// for writeSerial.
func (c *Conn) writeSpread(p []byte) (n int, err error) {
	b := boards.Get().(*board)
	defer boards.Put(b)
	b.faults = panicsOnFault()
	return c.writeShares(b, p)
}

// panicsOnFault reports whether a fault at an address panics in this goroutine, where it would end
// the process in another: see debug.SetPanicOnFault.
func panicsOnFault() bool {
	set := debug.SetPanicOnFault(false)
	debug.SetPanicOnFault(set)
	return set
}

// writeShares is writeSpread on a board without shares, and leaves none there, nor a helper that
// reads p, also if the connection below panics.
func (c *Conn) writeShares(b *board, p []byte) (n int, err error) {
	defer b.clear()
	if b.helpers.Load() == 0 {
		if takeHelpers(1) == 0 {
			return 0, nil
		}
		helping.Add(-1)
		more := false
		if n, more, err = c.trial(b, p); err != nil || !more {
			return n, err
		}
	}
	for n < len(p) || b.left() > 0 {
		for n < len(p) && b.left() < boardSize {
			used, err := c.publish(b, p[n:])
			if n += used; err != nil {
				return n, err
			}
		}
		if err := c.deliver(b); err != nil {
			return n, err
		}
	}
	return n, nil
}

// trial writes the first share of p, and reports whether helpers gain with the others: they do
// not if the writer had to seal it, as in TLS 1.2.
func (c *Conn) trial(b *board, p []byte) (n int, gain bool, err error) {
	start := time.Now()
	if n, err = c.publish(b, p); err != nil {
		return n, false, err
	}
	apart := b.front().data != nil
	b.sealNext(0)
	sealed := time.Now()
	if err := c.deliver(b); err != nil {
		return n, false, err
	}
	return n, apart && gains(sealed.Sub(start), time.Since(sealed)), nil
}

// publish begins with a batch of what p starts with, or with what is in the mailbox, and returns
// how many bytes of p are in it. If that fails, what was begun before is sent, and the connection
// has ended.
func (c *Conn) publish(b *board, p []byte) (n int, err error) {
	out, s := &c.out, b.add()
	sealed, err := out.apply(nil)
	if err == nil && len(sealed) == 0 {
		n = batchLen(len(p), out.send.MaxData())
		if out.send.ReserveInto(&s.records, n) {
			s.data = p[:n]
		} else { // a new key is due, for example
			sealed, err = out.sealData(b.own(s), p[:n])
		}
	}
	if err == nil {
		s.sealed = sealed
		b.published.Add(1)
		return n, nil
	}
	for b.left() > 0 {
		if err := c.deliver(b); err != nil {
			break // what is left waits in front of sealed
		}
	}
	defer b.free(s)
	return 0, c.sealing(sealed, err)
}

// deliver writes the oldest share. After a failure of the connection below all that are left are
// kept, in their order: their numbers are used. Of a share that could not be sealed the numbers
// are lost, so that the connection ends.
func (c *Conn) deliver(b *board) error {
	out := &c.out
	s := b.oldest()
	defer b.free(s)
	if s.err != nil {
		return c.unsealed(s.err)
	}
	err := out.deliver(c.in.source, s.sealed)
	if err == nil {
		return nil
	}
	for b.left() > 0 {
		s := b.oldest()
		if s.err != nil {
			b.free(s)
			return c.unsealed(s.err)
		}
		out.unsent = append(out.unsent, s.sealed...)
		b.free(s)
	}
	return c.transport("write", err)
}

// unsealed ends the connection after a share could not be sealed.
func (c *Conn) unsealed(err error) error {
	c.out.seldom().failed = err
	return c.sealing(c.out.lastAlert(nil), err)
}
