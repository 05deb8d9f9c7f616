package datagram

import (
	"context"
	"io"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/stream"
)

// WriteEarly sends p as one message before the handshake is done: on a client as 0-RTT data, and
// on a server behind its own flight. It does not divide p: if the server takes no 0-RTT data, or
// less than p, nothing is sent, and the error is engine.ErrNoEarlyData.
func (c *Conn) WriteEarly(p []byte) (int, error) {
	if !c.Made() {
		return 0, stream.ErrNotMade
	}
	if err := c.begin(context.Background()); err != nil {
		return 0, err
	}
	return c.write(p)
}

// begin makes a client's first flight. It returns at once if the engine takes data already.
func (c *Conn) begin(ctx context.Context) error {
	c.mu.Lock()
	takes := c.engine.Ready() || c.engine.Early() > 0
	c.mu.Unlock()
	if takes {
		return c.in.ended()
	}
	return c.handshakeUntil(ctx, func(h *handshake) bool {
		return c.in.isOpen() || h.started && h.question == nil
	})
}

// spendEarly allows a message before the handshake is done. It keeps what a client sends until
// the server has accepted it: see resendEarly. The engine is locked.
func (c *Conn) spendEarly(p []byte) error {
	switch {
	case c.engine.Ready():
		return nil
	case len(p) > c.engine.Early():
		return engine.ErrNoEarlyData
	}
	c.early = append(c.early, append([]byte(nil), p...))
	return nil
}

// resendEarly sends 0-RTT data that was refused again, once the handshake is done. RFC 9846,
// Section 4.2.10: a client "MUST NOT automatically resend early data unless the negotiated
// connection selects the same ALPN protocol". Without a decision the connection then ends.
func (c *Conn) resendEarly() error {
	c.mu.Lock()
	refused := c.early
	c.early = nil
	c.mu.Unlock()
	if len(refused) == 0 {
		return nil
	}
	s := c.State()
	if s.EarlyData {
		return nil // these were written after the server had accepted them
	}
	for _, p := range refused {
		most := len(p)
		p, decided, err := c.inPlaceOf(p, s)
		if err != nil {
			return err
		}
		switch {
		case len(p) == 0:
			continue
		case !decided && s.ALPN != s.EarlyALPN:
			c.run(call{do: closeNotify})
			return stream.OtherProtocol(s)
		}
		d, err := c.sealUpTo(nil, p, most)
		if err != nil {
			return err
		}
		if d != nil {
			_ = c.path.send(d) // it may be lost
		}
	}
	return nil
}

// inPlaceOf asks the Owner what is sent in place of a message that was refused. A panic in it is
// an error.
func (c *Conn) inPlaceOf(p []byte, s engine.State) (instead []byte, decided bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v)
		}
	}()
	instead, decided = c.owner.EarlyRefused(p, s)
	return instead, decided, nil
}

// ReadEarly copies the next message of 0-RTT data into p, as Read does, and runs the handshake as
// far as that takes. It returns io.EOF if there is no further one.
func (c *Conn) ReadEarly(p []byte) (int, error) {
	if !c.Made() {
		return 0, stream.ErrNotMade
	}
	for {
		n, ok, err := c.in.takeEarly(p)
		if ok || err != nil || len(p) == 0 {
			return n, err
		}
		news := func(*handshake) bool { return c.in.earlyNews() }
		if err := c.handshakeUntil(context.Background(), news); err != nil {
			return 0, err
		}
	}
}

// takeEarly copies the next message of 0-RTT data into p. It returns false if there is none, and
// io.EOF if there will be none.
func (in *inbox) takeEarly(p []byte) (n int, ok bool, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case len(p) == 0:
		return 0, false, nil
	case in.early.n > 0:
		n, err = in.pop(&in.early, p)
		return n, true, err
	case in.open:
		return 0, false, io.EOF
	}
	return 0, false, nil
}

// earlyNews reports whether takeEarly has an answer.
func (in *inbox) earlyNews() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.open || in.early.n > 0
}

// ExportEarly derives keying material from 0-RTT data.
func (c *Conn) ExportEarly(label string, context []byte, length int) ([]byte, error) {
	if !c.Made() {
		return nil, stream.ErrNotMade
	}
	s := c.State()
	return s.ExportEarly(label, context, length)
}
