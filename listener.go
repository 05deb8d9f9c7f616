package sealsock

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/sealsock/sealsock/address"
)

// A Listener accepts encrypted connections whose handshake is done. The
// handshakes run beside each other, each within Config.HandshakeTimeout, so a
// slow client holds up nobody. A client that is refused is reported to
// Config.OnHandshakeError and does not come out of Accept.
type Listener struct {
	inner net.Listener
	cfg   *Config
	ready chan *Conn
	slots chan struct{} // one for each handshake under way
	start sync.Once
	end   context.Context
	stop  context.CancelCauseFunc
}

var _ net.Listener = (*Listener)(nil)

// maxHandshakes bounds the handshakes that a Listener runs at once. More
// clients wait in the system's queue.
const maxHandshakes = 512

// Listen listens on an address: host:port, or with a scheme, see package
// address. Config needs an identity.
func Listen(ctx context.Context, addr string, cfg *Config) (*Listener, error) {
	a, err := address.Parse(addr)
	if err != nil {
		return nil, err
	}
	inner, err := a.Listen(ctx)
	if err != nil {
		return nil, err
	}
	l, err := NewListener(inner, cfg)
	if err != nil {
		inner.Close()
	}
	return l, err
}

// NewListener returns a Listener over inner, which it takes over.
func NewListener(inner net.Listener, cfg *Config) (*Listener, error) {
	cfg = withTickets(cfg)
	// A configuration that cannot serve is found now, not at the first client.
	if _, err := Server(nowhere{}, cfg); err != nil {
		return nil, err
	}
	l := &Listener{
		inner: inner, cfg: cfg,
		ready: make(chan *Conn),
		slots: make(chan struct{}, maxHandshakes),
	}
	l.end, l.stop = context.WithCancelCause(context.Background())
	return l, nil
}

// withTickets gives a listener's configuration what it takes to resume, if the
// user did not.
func withTickets(cfg *Config) *Config {
	if cfg == nil {
		return nil
	}
	own := *cfg
	first := own.Tickets == nil
	if first && own.NumTickets >= 0 {
		own.Tickets = SealTickets(&RotatingKeys{Lifetime: own.TicketLifetime}, own.Now)
	}
	if own.AntiReplay == nil && own.MaxEarlyData > 0 {
		memory := newReplayMemory(maxReplay, own.Now)
		if first {
			// Nothing was accepted before the memory began: no ticket
			// is older than its keys, which began with it.
			memory.since = time.Time{}
		}
		own.AntiReplay = memory
	}
	return &own
}

// maxReplay bounds the 0-RTT attempts that a Listener remembers at a time.
const maxReplay = 1 << 16

// Accept returns the next connection whose handshake is done. It is a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.AcceptConn(context.Background())
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptConn is Accept with a context and its true type.
func (l *Listener) AcceptConn(ctx context.Context) (*Conn, error) {
	l.start.Do(func() { go l.serve() })
	select {
	case c := <-l.ready:
		return c, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-l.end.Done():
		return nil, context.Cause(l.end)
	}
}

// Close stops listening. Connections that Accept returned live on; handshakes
// under way end.
func (l *Listener) Close() error {
	err := l.inner.Close()
	l.stop(&net.OpError{Op: "accept", Net: l.Addr().Network(), Addr: l.Addr(), Err: net.ErrClosed})
	return err
}

// Addr returns the address that is listened on.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// serve accepts connections below and starts their handshakes.
func (l *Listener) serve() {
	for pause := time.Duration(0); ; {
		raw, err := l.inner.Accept()
		if err != nil {
			if !transient(err) {
				l.stop(err)
				return
			}
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			select {
			case <-time.After(pause):
			case <-l.end.Done():
				return
			}
			continue
		}
		pause = 0
		select {
		case l.slots <- struct{}{}:
			go l.handshake(raw)
		case <-l.end.Done():
			raw.Close()
			return
		}
	}
}

// transient reports whether accepting may go on: a client that hung up before
// its turn, or a want of file descriptors that will pass, is no reason to stop.
func transient(err error) bool {
	t, ok := err.(interface{ Temporary() bool })
	return ok && t.Temporary()
}

// handshake proves one client and hands its connection to Accept.
func (l *Listener) handshake(raw net.Conn) {
	defer func() { <-l.slots }()
	c, err := Server(raw, l.cfg)
	if err != nil {
		raw.Close()
		return // NewListener has tried the configuration
	}
	ctx, cancel := l.cfg.withTimeout(l.end)
	err = c.Handshake(ctx)
	cancel()
	if err != nil {
		c.Refuse()
		if l.cfg.OnHandshakeError != nil && l.end.Err() == nil {
			l.cfg.OnHandshakeError(raw.RemoteAddr(), err)
		}
		return
	}
	select {
	case l.ready <- c:
	case <-l.end.Done():
		c.Close()
	}
}

// nowhere stands in for a connection while a Config is checked.
type nowhere struct{ net.Conn }
