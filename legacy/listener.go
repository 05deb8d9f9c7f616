package legacy

import (
	"context"
	"net"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
)

// A Listener accepts connections whose handshake is still to be done: with
// Handshake, or the first Read or Write.
type Listener struct {
	net.Listener
	cfg *sealsock.Config
}

var _ net.Listener = (*Listener)(nil)

// Listen listens on an address: host:port, or with a scheme, see package address.
// Config needs an identity.
func Listen(ctx context.Context, addr string, cfg *sealsock.Config) (*Listener, error) {
	a, err := address.Parse(addr)
	if err != nil {
		return nil, err
	}
	// A configuration that cannot serve is found now, not at the first client.
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
