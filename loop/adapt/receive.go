package adapt

import (
	"context"
	"io"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/panics"
)

// answerTimeout bounds an answer to the engine, such as a verification that asks a
// server for the status of a certificate.
const answerTimeout = 30 * time.Second

// Receive takes bytes that came from the peer, calls the Handler for what they contain, and
// writes what is to be sent. It decrypts in b and keeps no part of it.
func (c *Conn) Receive(b []byte) {
	if c.gone() || c.inside {
		return
	}
	c.touch()
	c.guarded(func() { c.consume(b) })
	c.flush()
}

// Closed reports that the connection below is gone: err is the reason, or nil if the peer
// has closed it. OnClose is called, unless it was.
func (c *Conn) Closed(err error) {
	if c == nil || c.engine == nil {
		return
	}
	switch c.slow = nil; {
	case c.over:
		return
	case c.closing || c.ended:
		err = nil
	case err == nil || err == io.EOF:
		err = &engine.Error{
			Fault: engine.FaultTransport, Err: io.ErrUnexpectedEOF,
			Reason: "the connection was cut without close_notify",
			Hint:   "what has arrived may be incomplete",
		}
	}
	c.finish(err)
}

// guarded calls f, which calls the Handler, and ends the connection if it panics.
func (c *Conn) guarded(f func()) {
	defer func() {
		if v := recover(); v != nil {
			c.inside = false
			c.end(&engine.Error{
				Fault: engine.FaultLocal, Alert: iana.AlertInternalError,
				Reason: "a Handler panicked", Err: panics.New(v),
			})
		}
	}()
	f()
}

// consume gives the engine what was kept and b, until it needs more. It keeps the rest.
func (c *Conn) consume(b []byte) {
	c.inside = true
	b = c.complete(b)
	if len(c.in) == 0 {
		b, _ = c.process(b)
	}
	c.inside = false
	if len(b) > 0 {
		c.keep(c.in, c.in, b)
	}
}

// complete moves bytes from the start of b behind the part of a record that was kept, and gives
// the record to the engine. So no more than one record is copied, however much b has. It returns
// the rest of b. If c.in is not empty then, the engine takes nothing now.
func (c *Conn) complete(b []byte) []byte {
	for len(c.in) > 0 {
		room := c.in
		c.in = nil // process may end the connection
		left, need := c.process(room)
		if len(left) == 0 {
			c.endpoint.putPart(room)
			break
		}
		n := max(0, min(need-len(left), len(b)))
		c.keep(room, left, b[:n])
		if b = b[n:]; n == 0 {
			break
		}
	}
	return b
}

// process gives b to the engine until that needs more, and returns the rest and how many bytes the
// engine needs from its start: 0 if it takes nothing now.
func (c *Conn) process(b []byte) (rest []byte, need int) {
	for !c.blocked() {
		n, ev, err := c.engine.Receive(b)
		b = b[n:]
		if err != nil {
			c.fail(err)
			break
		}
		if ev.Kind == engine.EventWantRead {
			return b, ev.Need
		}
		if c.event(ev); !c.asking && len(c.engine.Output()) > chunk {
			if err := c.writeOut(); err != nil {
				c.fail(err)
			}
		}
	}
	return b, 0
}

// blocked reports whether nothing may be given to the engine now.
func (c *Conn) blocked() bool { return c.over || c.closing || c.asking || c.ended }

// event acts on what the engine has found.
func (c *Conn) event(ev engine.Event) {
	switch ev.Kind {
	case engine.EventHandshakeDone:
		c.open = true
		if c.timer != nil {
			c.timer.Stop()
			c.timer = nil
		}
		c.endpoint.handler.OnOpen(c)
	case engine.EventData:
		c.endpoint.handler.OnData(c, ev.Data)
	case engine.EventWaiting:
		c.ask(ev.Question)
	case engine.EventAuthAnswered:
		c.answeredRequest()
	case engine.EventClosed:
		c.ended = true
		if !c.closing {
			_ = c.Close()
		}
	}
}

// maxAnswers bounds the answers to requests for a certificate that wait behind full output.
const maxAnswers = 64

// answeredRequest ends the connection of a server that asks for certificates without end and does
// not take the answers: nothing else bounds those.
func (c *Conn) answeredRequest() {
	if c.Buffered() < c.endpoint.limit() {
		c.answers = 0
		return
	}
	if c.answers++; c.answers > maxAnswers {
		c.end(&engine.Error{
			Fault: engine.FaultLimit, Reason: "the peer sends requests without reading the responses",
		})
	}
}

// keep keeps left, which lies in room, and behind it more, in memory of their own: in room, if
// that is large enough.
func (c *Conn) keep(room, left, more []byte) {
	n := len(left) + len(more)
	switch {
	case c.over || c.ended || c.closing:
		return
	case n > max(c.endpoint.limit(), engine.MaxRecord):
		c.fail(&engine.Error{
			Fault:  engine.FaultPeer,
			Reason: "more input than Endpoint.WriteLimit waits for an answer",
		})
		return
	case n > cap(room) && n > smallPart && n <= engine.MaxRecord:
		whole := append(c.endpoint.part(), left...)
		c.endpoint.putPart(room)
		room = whole
	default:
		room = room[:copy(room[:cap(room)], left)]
	}
	c.in = append(room, more...)
}

// ask looks for the answer to a question on another goroutine: that may take time.
// Meanwhile nothing else may use the engine.
func (c *Conn) ask(q engine.Question) {
	c.asking = true
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
		defer cancel()
		err := c.engine.Answer(ctx, q)
		c.transport.Run(func() { c.answered(err) })
	}()
}

// answered continues after ask.
func (c *Conn) answered(err error) {
	c.asking = false
	held := c.held
	c.held = nil
	switch {
	case c.over:
		return
	case err != nil:
		c.fail(err)
		return
	case len(held) > 0:
		if err := c.engine.Send(held); err != nil {
			c.fail(err)
			return
		}
	}
	if c.closing && c.open {
		_ = c.engine.CloseWrite()
	} else if c.closing {
		c.end(nil)
		return
	}
	c.guarded(func() { c.consume(nil) })
	c.flush()
}
