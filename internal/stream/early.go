package stream

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/sealsock/sealsock/engine"
)

// early is the state of a Conn's 0-RTT data.
type early struct {
	sync.Mutex
	over bool       // on a server: no more will come
	held *earlyData // nil for none
}

type earlyData struct {
	sent     []byte // on a client, until the server has accepted it
	received []byte // on a server, not read yet
}

// data returns what is held, to be changed.
func (e *early) data() *earlyData {
	if e.held == nil {
		e.held = new(earlyData)
	}
	return e.held
}

// WriteEarly sends 0-RTT data, or on a server data before the client is proved. It keeps
// what it sends until the server has accepted it: see resendEarly.
func (c *Conn) WriteEarly(p []byte) (int, error) {
	if !c.Made() {
		return 0, ErrNotMade
	}
	if c.open.Load() {
		return c.Write(p)
	}
	c.handshake.Lock()
	defer c.handshake.Unlock()
	if err := c.brokenBy(); err != nil {
		return 0, err
	}
	c.in.Lock()
	defer c.in.Unlock()
	c.out.Lock()
	defer c.out.Unlock()
	if c.in.recv.Pending() {
		if err := c.begin(); err != nil {
			return 0, err
		}
	}
	n, short := len(p), error(nil)
	if early := c.out.send.Early(); !c.out.send.Ready() && n > early {
		n, short = early, engine.ErrNoEarlyData
	}
	if n == 0 {
		return 0, short
	}
	sealed, err := c.out.sealData(nil, p[:n])
	if err != nil {
		return 0, c.sealing(sealed, err)
	}
	if !c.out.send.Ready() {
		d := c.early.data()
		d.sent = append(d.sent, p[:n]...)
	}
	if err := c.out.deliver(c.in.source, sealed); err != nil {
		return n, c.transport("write", err)
	}
	return n, short
}

// begin makes a client's first flight. Before that it may call Options.Answer: whether
// the server of the session would still be accepted.
func (c *Conn) begin() error {
	for c.in.recv.Pending() {
		var ev engine.Event
		err := c.in.step(nil, &ev)
		c.out.mail.put(ev.Reply)
		if err != nil {
			return c.fatal(err)
		}
		if ev.Kind != engine.EventWaiting {
			continue
		}
		if err := c.answer(context.Background(), ev.Question); err != nil {
			return err
		}
	}
	if err := c.out.flush(c.in.source); err != nil {
		return c.transport("write", err)
	}
	return nil
}

// ReadEarly reads, on a server, the client's 0-RTT data. It runs the handshake as far as
// that takes.
func (c *Conn) ReadEarly(p []byte) (int, error) {
	if !c.Made() {
		return 0, ErrNotMade
	}
	for {
		c.early.Lock()
		d := c.early.data()
		n := copy(p, d.received)
		if d.received = d.received[n:]; len(d.received) == 0 {
			d.received = nil // its room too
		}
		over := c.early.over
		c.early.Unlock()
		switch {
		case n > 0 || len(p) == 0:
			return n, nil
		case over || c.open.Load():
			return 0, io.EOF
		}
		if err := c.handshakeUntil(context.Background(), c.earlyNews); err != nil {
			return 0, err
		}
	}
}

// earlyNews reports whether ReadEarly can return.
func (c *Conn) earlyNews() bool {
	c.early.Lock()
	defer c.early.Unlock()
	return c.early.over || len(c.early.data().received) > 0
}

// noteEarly records what an event of the handshake reports about 0-RTT data. The
// amount is bounded by Config.MaxEarlyData.
func (c *Conn) noteEarly(ev *engine.Event) {
	switch ev.Kind {
	case engine.EventProgress, engine.EventWantRead, engine.EventWaiting:
		return // most of them, without the lock
	}
	c.early.Lock()
	defer c.early.Unlock()
	switch ev.Kind {
	case engine.EventData:
		d := c.early.data()
		d.received = append(d.received, ev.Data...)
	case engine.EventEarlyDone:
		c.early.over = true
	case engine.EventEarlyAccepted:
		c.early.data().sent = nil
	case engine.EventHandshakeDone:
		c.early.over = true
	}
}

// OtherProtocol is the error for 0-RTT data that was refused and is not sent again, because the
// server has chosen another application protocol.
func OtherProtocol(s engine.State) error {
	return &engine.Error{
		Fault:    engine.FaultIncompatible,
		Reason:   "the server refused the early data and chose another application protocol",
		Expected: fmt.Sprintf("%q", s.EarlyALPN), Got: fmt.Sprintf("%q", s.ALPN),
		Hint: "connect again without early data",
	}
}

// resendEarly sends refused 0-RTT data again, once the handshake is done.
func (c *Conn) resendEarly() error {
	c.early.Lock()
	var data []byte
	if c.early.held != nil {
		data, c.early.held.sent = c.early.held.sent, nil
	}
	c.early.Unlock()
	if len(data) == 0 {
		return nil
	}
	s, decided := c.in.recv.State(), false
	if s.EarlyData {
		return nil // these were written after the server had accepted them
	}
	if c.opts.Owner != nil {
		if data, decided = c.opts.Owner.EarlyRefused(data, s); len(data) == 0 {
			return nil
		}
	}
	if !decided && s.ALPN != s.EarlyALPN {
		// RFC 9846, Section 4.2.10: a client "MUST NOT automatically resend early
		// data unless the negotiated connection selects the same ALPN protocol".
		c.out.closeNotify(c.in.source)
		return c.fatal(OtherProtocol(s))
	}
	sealed, err := c.out.sealData(nil, data)
	if err != nil {
		return err
	}
	return c.out.deliver(c.in.source, sealed)
}
