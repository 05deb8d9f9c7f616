package sealsock

import (
	"context"
	"strings"

	"github.com/sealsock/sealsock/address"
)

// Dial connects to an address and returns once the server is proved, or with
// the reason why not. ctx bounds the whole of it, and Config.HandshakeTimeout
// the handshake. A nil cfg is the zero Config.
//
// The server must prove Config.ServerName or, if that is empty, the host of the
// address. The address is host:port, or has a scheme: see package address.
func Dial(ctx context.Context, addr string, cfg *Config) (*Conn, error) {
	a, err := address.Parse(addr)
	if err != nil {
		return nil, err
	}
	if cfg == nil {
		cfg = new(Config)
	}
	if cfg.ServerName == "" && a.Host() != "" {
		named := *cfg
		named.ServerName = a.Host()
		cfg = &named
	}
	c, err := dial(ctx, a, cfg)
	if again := cfg.retryECH(err); again != nil {
		return dial(ctx, a, again)
	}
	return c, err
}

func dial(ctx context.Context, a address.Address, cfg *Config) (*Conn, error) {
	raw, err := a.Dial(ctx)
	if err != nil {
		return nil, err
	}
	c, err := client(raw, cfg, a.String())
	if err != nil {
		raw.Close()
		return nil, err
	}
	c.knownAs = KnownAs(a, cfg.ServerName)
	ctx, cancel := cfg.withTimeout(ctx)
	defer cancel()
	if err := c.Handshake(ctx); err != nil {
		c.Refuse()
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
