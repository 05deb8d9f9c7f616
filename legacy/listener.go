package legacy

import (
	"context"
	"net"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
)

// A Listener accepts connections. The handshake of an accepted connection runs
// on the first call of Handshake, Read or Write.
type Listener struct {
	net.Listener
	cfg *sealsock.Config
}

var _ net.Listener = (*Listener)(nil)

// Listen listens on an address: host:port, or one with a scheme as in package
// address. Config needs an identity.
func Listen(ctx context.Context, addr string, cfg *sealsock.Config) (*Listener, error) {
	a, err := address.Parse(addr)
	if err != nil {
		return nil, err
	}
	// Report an unusable configuration now instead of on the first connection.
	if _, err := Server(nil, cfg); err != nil {
		return nil, err
	}
	inner, err := a.Listen(ctx)
	if err != nil {
		return nil, err
	}
	return &Listener{inner, cfg}, nil
}

// Accept returns the next connection. It is a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	if !l.made() {
		return nil, errNoListener
	}
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c, err := Server(raw, l.cfg)
	if err != nil {
		raw.Close()
		return nil, err
	}
	return c, nil
}

// Close stops listening. Connections that Accept has returned stay open.
func (l *Listener) Close() error {
	if !l.made() {
		return errNoListener
	}
	return l.Listener.Close()
}

// Addr returns the address that is listened on, or nil if Listen did not make l.
func (l *Listener) Addr() net.Addr {
	if !l.made() {
		return nil
	}
	return l.Listener.Addr()
}

func (l *Listener) made() bool { return l != nil && l.Listener != nil }

var errNoListener = usage("this Listener is nil or a zero value: use Listen")
