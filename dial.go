package sealsock

import (
	"cmp"
	"context"
	"strings"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// Dial connects to an address and returns once the server is proved, or with
// the reason why not. ctx bounds the whole of it, and Config.HandshakeTimeout
// the handshake. A nil cfg is the zero Config.
//
// The server must prove Config.ServerName or, if that is empty, the host of the
// address. The address is host:port, or has a scheme: see package address.
//
// Use a Dialer for many connections with one Config.
func Dial(ctx context.Context, addr string, cfg *Config) (*Conn, error) {
	d, err := NewDialer(cfg)
	if err != nil {
		return nil, err
	}
	return d.Dial(ctx, addr)
}

// A Dialer makes a client's connections with one Config, which it prepares once and
// which they share. It may be used from any goroutine.
type Dialer struct{ prepared *prepared }

// NewDialer returns a Dialer, or an error for a Config with which no connection can
// be made. A nil cfg is the zero Config.
func NewDialer(cfg *Config) (*Dialer, error) {
	p, err := prepare(cfg, false)
	if err != nil {
		return nil, err
	}
	return &Dialer{p}, nil
}

// Dial is the function Dial with the Config of d.
func (d *Dialer) Dial(ctx context.Context, addr string) (*Conn, error) {
	if d == nil || d.prepared == nil {
		return nil, errNoDialer
	}
	a, err := address.Parse(addr)
	if err != nil {
		return nil, err
	}
	p := d.prepared
	to := &target{name: cmp.Or(p.ServerName, a.Host()), address: a.String(), ech: p.ECHConfigs}
	to.knownAs = KnownAs(a, to.name)
	c, err := p.dial(ctx, a, to)
	if configs := retryConfigs(err); configs != nil {
		again := *to
		again.ech = configs
		return p.dial(ctx, a, &again)
	}
	return c, err
}

var errNoDialer = &engine.Error{
	Fault: engine.FaultUsage, Alert: iana.AlertInternalError,
	Reason: "a Dialer that was not made by NewDialer",
}

func (p *prepared) dial(ctx context.Context, a address.Address, to *target) (*Conn, error) {
	raw, err := a.Dial(ctx)
	if err != nil {
		return nil, err
	}
	c, err := p.client(raw, to)
	if err != nil {
		raw.Close()
		return nil, err
	}
	ctx, cancel := p.withTimeout(ctx)
	defer cancel()
	if err := c.Handshake(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// KnownAs returns how a file of known peers (trust.KnownPeers) names the server at
// an address that has to prove name: by the address, with its port or path, and
// by the name in front if that is not the address's host. It is empty for
// descriptors, whose numbers name nothing.
func KnownAs(a address.Address, name string) string {
	switch {
	case a.Scheme() == "fd" || a.Scheme() == "stdio":
		return ""
	case a.Host() == "" || name == "" || strings.EqualFold(a.Host(), name):
		return a.String()
	}
	return name + "@" + a.String()
}
