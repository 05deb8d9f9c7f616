package loop

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/panics"
	"github.com/sealsock/sealsock/internal/segment"
)

// What the loop does with one connection.

// answerTimeout bounds an answer to the engine, such as a verification that asks a
// server for the status of a certificate.
const answerTimeout = 30 * time.Second

// guarded calls f, which calls the Handler, and ends the connection if it panics.
func (c *Conn) guarded(f func()) {
	defer func() {
		if v := recover(); v != nil {
			c.end(&engine.Error{
				Fault: engine.FaultLocal, Alert: iana.AlertInternalError,
				Reason: "a Handler panicked", Err: panics.New(v),
			})
		}
	}()
	f()
}

// turn reads, decrypts and writes what is possible now.
func (c *Conn) turn() {
	if c.over {
		c.drop()
		return
	}
	c.touch()
	c.guarded(func() {
		c.resume()
		for i := 0; c.readable && !c.blocked(); i++ {
			if i == turns {
				c.soon()
				break
			}
			c.read()
		}
		if !c.over {
			c.flush()
		}
	})
}

// blocked reports whether nothing may be given to the engine now.
func (c *Conn) blocked() bool { return c.over || c.paused || c.asking || c.ended }

// touch marks c as active.
func (c *Conn) touch() {
	c.active, c.resting = c.loop.now, false
	if c.loop.opts.IdleTimeout > 0 {
		c.loop.quiet.remove(c)
		c.loop.quiet.push(c)
	}
}

// giveBack gives back the memory of the keys of a quiet connection.
func (c *Conn) giveBack() {
	if !c.asking {
		c.resting = true
		c.engine.Rest()
	}
}

// read reads once, behind what is left of before.
func (c *Conn) read() {
	buf := c.loop.buf
	left := 0
	if c.rest != nil {
		left = copy(buf, c.rest.in)
	}
	n, err := sysRead(c.fd, buf[left:])
	switch {
	case errors.Is(err, errAgain):
		c.readable = false
		return
	case err != nil:
		c.fail(os.NewSyscallError("read", err))
		return
	case n == 0:
		c.fail(truncated())
		return
	case left+n < len(buf) && !c.hungUp:
		c.readable = false // all that was there; more is another event
	}
	c.loop.putPart(c.takeIn())
	c.consume(buf[:left+n])
}

func truncated() error {
	return &engine.Error{
		Fault: engine.FaultTransport, Err: io.ErrUnexpectedEOF,
		Reason: "the connection was cut without close_notify",
		Hint:   "what has arrived may be incomplete",
	}
}

// resume continues with what a pause or a question has left. A part of a record waits for the
// rest of it.
func (c *Conn) resume() {
	if c.blocked() || c.rest != nil && c.rest.part {
		return
	}
	kept := c.takeIn()
	c.consume(kept)
	c.loop.putPart(kept)
}

// consume gives the engine bytes, until it needs more. It keeps the rest.
func (c *Conn) consume(b []byte) {
	for !c.blocked() {
		n, ev, err := c.engine.Receive(b)
		b = b[n:]
		if err != nil {
			c.alerted = true
			c.fail(err)
			return
		}
		switch ev.Kind {
		case engine.EventWantRead:
			c.keep(b, true)
			return
		case engine.EventData:
			c.handler.OnData(c, ev.Data)
		case engine.EventWaiting:
			c.ask(ev.Question)
		case engine.EventAuthAnswered:
			c.answeredRequest()
		case engine.EventClosed:
			c.ended = true
			if h, ok := c.handler.(Ender); ok {
				h.OnEnd(c)
			} else if !c.closing {
				_ = c.Close()
			}
		}
		c.writeMuch()
	}
	c.keep(b, false)
}

// maxAnswers bounds the answers to requests for a certificate that wait behind full output.
const maxAnswers = 64

// answeredRequest ends the connection of a server that asks for certificates without end and does
// not take the answers: nothing else bounds those.
func (c *Conn) answeredRequest() {
	if c.Buffered() < c.loop.opts.WriteLimit {
		c.answers = 0
		return
	}
	if c.answers++; c.answers > maxAnswers {
		c.end(&engine.Error{
			Fault: engine.FaultLimit, Reason: "the peer sends requests without reading the responses",
		})
	}
}

// writeMuch writes the output if it is long, during input that leads to more: the memory for it
// stays small enough to be used again. Another record would be more than a segment.
func (c *Conn) writeMuch() {
	if c.over || c.asking || len(c.engine.Output()) <= segment.Size-engine.MaxRecord {
		return
	}
	if err := c.writeOut(); err != nil {
		c.fail(err)
	}
}

// keep keeps received bytes for later, in memory of their own. part means that they are a part of
// a record.
func (c *Conn) keep(b []byte, part bool) {
	if len(b) == 0 || c.over || c.ended {
		c.takeIn()
		return
	}
	c.setRest(append(c.loop.part(len(b)), b...), c.held())
	c.rest.part = part
}

// ask looks for the answer to a question on another goroutine: that may take time.
// Meanwhile nothing else may use the engine.
func (c *Conn) ask(q engine.Question) {
	c.asking = true
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
		defer cancel()
		err := c.engine.Answer(ctx, q)
		c.loop.post(func() { c.answered(err) })
	}()
}

// answered continues after ask.
func (c *Conn) answered(err error) {
	c.asking = false
	held := c.held()
	c.setRest(c.takeIn(), nil)
	switch {
	case c.over:
		return
	case err != nil:
		c.fail(err)
		return
	case len(held) > 0:
		if err := c.send(held); err != nil {
			c.fail(err)
			return
		}
	}
	if c.closing {
		_ = c.engine.CloseWrite()
	}
	c.turn()
}

// flush writes the output as far as the peer takes it.
func (c *Conn) flush() {
	if c.asking || c.over {
		return
	}
	if err := c.writeOut(); err != nil {
		c.fail(err)
		return
	}
	if len(c.engine.Output()) > 0 {
		return
	}
	switch {
	case c.closing:
		c.finish(nil)
		c.release()
	case c.full:
		c.full = false
		if h, ok := c.handler.(Drainer); ok {
			h.OnDrained(c)
		}
	}
}

// writeOut writes what it can, and returns the memory of an empty output to the loop.
func (c *Conn) writeOut() error {
	for c.writable && len(c.engine.Output()) > 0 {
		n, err := sysWrite(c.fd, c.engine.Output())
		switch {
		case errors.Is(err, errAgain):
			c.writable = false
		case err != nil:
			return os.NewSyscallError("write", err)
		}
		if n > 0 {
			c.taken = c.loop.now
			c.touch()
			c.engine.Wrote(n)
		}
	}
	if b := c.engine.Release(); b != nil {
		c.loop.output.put(b)
	}
	return nil
}

// end ends the connection with err and sends the alert for it.
func (c *Conn) end(err error) {
	if c.over {
		return
	}
	if !c.asking {
		c.alerted = true
		_ = c.engine.Abort(err)
	}
	c.fail(err)
}

// fail ends the connection with err, after an alert that is in the output already.
func (c *Conn) fail(err error) {
	if c.over {
		return
	}
	if !c.asking {
		_ = c.writeOut() // the reason is err in any case
	}
	c.finish(err)
	if !c.alerted || c.hungUp {
		c.release()
		return
	}
	sysEndWriting(c.fd)
	c.active = c.loop.now
	c.drop()
}

// drop reads and drops what still comes after a fatal alert.
func (c *Conn) drop() {
	for c.readable && c.fd >= 0 {
		n, err := sysRead(c.fd, c.loop.buf)
		switch {
		case errors.Is(err, errAgain):
			c.readable = false
		case err != nil || n == 0:
			c.release()
		}
	}
}

// finish calls OnClose, once.
func (c *Conn) finish(err error) {
	if c.over {
		return
	}
	c.over = true
	c.loop.quiet.remove(c)
	c.rest = nil
	defer func() { _ = recover() }() // the connection has ended already
	c.handler.OnClose(c, err)
}

// release closes the descriptor.
func (c *Conn) release() {
	if c.fd < 0 || c.loop.conns[c.fd] != c {
		return
	}
	delete(c.loop.conns, c.fd)
	c.loop.count.Add(-1)
	sysClose(c.fd)
	c.fd = -1
}

// timedOut is the error for a connection that a timeout ended.
func timedOut(why error) error {
	return &engine.Error{
		Fault: engine.FaultTransport, Alert: iana.AlertInternalError,
		Reason: "the connection was ended", Err: why,
	}
}
