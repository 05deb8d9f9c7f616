package legacy

import (
	"context"
	"net"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/internal/admit"
)

// A Listener accepts connections whose handshake is complete. As for a
// sealsock.Listener, Config.MaxHandshakes and MaxHandshakesPerAddress bound the
// handshakes, which run concurrently, and Config.OnHandshakeError receives the
// error of each client that is refused.
type Listener struct {
	admitted *admit.Listener[*Conn]
	cfg      *sealsock.Config
}

var _ net.Listener = (*Listener)(nil)

// Listen listens on an address: host:port, or one with a scheme as in package
// address. Config needs an identity.
func Listen(ctx context.Context, addr string, cfg *sealsock.Config) (*Listener, error) {
	a, err := address.Parse(addr)
	if err != nil {
		return nil, err
	}
	return ListenAddress(ctx, a, cfg)
}

// ListenAddress is Listen for an address that was parsed.
func ListenAddress(
	ctx context.Context, a address.Address, cfg *sealsock.Config,
) (*Listener, error) {
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

// NewListener returns a Listener over inner, which it then owns.
func NewListener(inner net.Listener, cfg *sealsock.Config) (*Listener, error) {
	if inner == nil {
		return nil, usage("the listener below is nil: make one with net.Listen")
	}
	// Report an unusable configuration now instead of on the first connection.
	if _, err := newConn(nil, cfg, true); err != nil {
		return nil, err
	}
	l := &Listener{cfg: cfg}
	l.admitted = admit.New(inner, admit.Options[*Conn]{
		Total: cfg.MaxHandshakes, PerAddress: cfg.MaxHandshakesPerAddress,
		Handshake: l.handshake, Refused: cfg.OnHandshakeError,
	})
	return l, nil
}

// Accept returns the next connection whose handshake is complete. It is a *Conn.
func (l *Listener) Accept() (net.Conn, error) { return l.below().Accept() }

// AcceptConn is Accept with a context and its true type.
func (l *Listener) AcceptConn(ctx context.Context) (*Conn, error) {
	return l.below().AcceptConn(ctx)
}

// Close stops listening. Connections that Accept has returned stay open;
// handshakes that are not complete end.
func (l *Listener) Close() error { return l.below().Close() }

// Addr returns the address that is listened on, or nil if l was not made by
// Listen, ListenAddress or NewListener.
func (l *Listener) Addr() net.Addr { return l.below().Addr() }

// handshake runs the handshake with one client.
func (l *Listener) handshake(ctx context.Context, raw net.Conn) (*Conn, error) {
	ctx, cancel := withTimeout(ctx, l.cfg.HandshakeTimeout)
	defer cancel()
	below := raw
	var err error
	if l.cfg.Prologue != nil {
		below, err = l.cfg.Prologue(ctx, raw)
	}
	var c *Conn
	if err == nil {
		c, err = Server(below, l.cfg)
	}
	if err == nil {
		if err = c.HandshakeContext(ctx); err != nil {
			err = &admit.PeerError{Peer: below.RemoteAddr(), Err: err}
		}
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	return c, nil
}

// below returns the listener that accepts connections, or nil, whose methods
// return an error.
func (l *Listener) below() *admit.Listener[*Conn] {
	if l == nil {
		return nil
	}
	return l.admitted
}
