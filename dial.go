package sealsock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/stream"
)

// Dial connects to an address and returns once the server is proved, or with
// the reason why not. ctx bounds the whole of it, and Config.HandshakeTimeout
// the handshake. A nil cfg is the zero Config.
//
// The server must prove Config.ServerName or, if that is empty, the host of the
// address. The address is host:port, or has a scheme: see package address. Over udp://,
// udplite:// and unixgram:// it is DTLS in place of TLS: see Conn.
//
// Use a Dialer for many connections with one Config.
func Dial(ctx context.Context, addr string, cfg *Config) (*Conn, error) {
	a, err := address.Parse(addr)
	if err != nil {
		return nil, err
	}
	return DialAddress(ctx, a, cfg)
}

// DialAddress is Dial for an address that was parsed.
func DialAddress(ctx context.Context, a address.Address, cfg *Config) (*Conn, error) {
	d, err := NewDialer(cfg)
	if err != nil {
		return nil, err
	}
	return d.DialAddress(ctx, a)
}

// A Dialer makes a client's connections with one Config, which it prepares once and
// which they share. It may be used from any goroutine. Its fields must not be changed
// after the first connection.
type Dialer struct {
	// Connect, if set, opens the connection below in place of [address.Address.Dial]:
	// through a proxy, or with an upgrade from plaintext (package starttls). For an address
	// of datagrams it returns a connection that keeps them apart.
	Connect func(context.Context, address.Address) (net.Conn, error)
	// BeforeHandshake, if set, is called before the handshake of each attempt, for
	// Conn.WriteEarly. An error ends the connection.
	BeforeHandshake func(context.Context, *Conn) error
	// OnECHRetry, if set, is called when the server has another configuration for
	// Encrypted ClientHello, before the second attempt with that one.
	OnECHRetry func(*engine.ECHRejectedError)

	prepared *prepared
}

// NewDialer returns a Dialer, or an error for a Config with which no connection can
// be made. A nil cfg is the zero Config.
func NewDialer(cfg *Config) (*Dialer, error) {
	p, err := prepare(cfg, false)
	if err != nil {
		return nil, err
	}
	return &Dialer{prepared: p}, nil
}

// Dial is the function Dial with the Config of d.
func (d *Dialer) Dial(ctx context.Context, addr string) (*Conn, error) {
	a, err := address.Parse(addr)
	if err != nil {
		return nil, err
	}
	return d.DialAddress(ctx, a)
}

// DialContext is Dial with the name of a network of package net, for programs that take a
// dial function: "tcp", "tcp4" or "tcp6" and host:port, or "unix" and a path.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if !slices.Contains(networks, network) {
		return nil, &engine.Error{
			Fault: engine.FaultUsage, Alert: iana.AlertInternalError,
			Reason: fmt.Sprintf("DialContext does not know the network %q", network),
			Hint:   "use Dial, whose address names any scheme",
		}
	}
	c, err := d.Dial(ctx, network+"://"+addr)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// networks are those of DialContext, each of which is a scheme too.
var networks = []string{"tcp", "tcp4", "tcp6", "unix"}

// DialAddress is Dial for an address that was parsed.
func (d *Dialer) DialAddress(ctx context.Context, a address.Address) (*Conn, error) {
	if d == nil || d.prepared == nil {
		return nil, errNoDialer
	}
	p := d.prepared
	to := &target{name: cmp.Or(p.ServerName, a.Host()), address: a.String(), ech: p.ECHConfigs}
	to.knownAs = KnownAs(a, to.name)
	c, err := d.try(ctx, a, to)
	var rejected *engine.ECHRejectedError
	if !errors.As(err, &rejected) || rejected.RetryConfigs == nil {
		// A server without keys gets no second attempt without encryption, which would
		// reveal the name. RFC 9849, Section 6.1.6.
		return c, err
	}
	if d.OnECHRetry != nil {
		d.OnECHRetry(rejected)
	}
	again := *to
	again.ech = rejected.RetryConfigs
	return d.try(ctx, a, &again)
}

var errNoDialer = &engine.Error{
	Fault: engine.FaultUsage, Alert: iana.AlertInternalError,
	Reason: "this Dialer is nil or a zero value", Err: os.ErrInvalid,
	Hint: "a Dialer comes from NewDialer",
}

// try is one attempt to connect.
func (d *Dialer) try(ctx context.Context, a address.Address, to *target) (*Conn, error) {
	raw, err := d.connect(ctx, a)
	if err != nil {
		return nil, err
	}
	c, err := d.prepared.over(a, raw, to)
	if err != nil {
		raw.Close()
		return nil, err
	}
	ctx, cancel := d.prepared.withTimeout(ctx)
	defer cancel()
	if d.BeforeHandshake != nil {
		err = d.BeforeHandshake(ctx, c)
	}
	if err == nil {
		err = c.HandshakeContext(ctx)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// over makes a connection over raw: a stream, or datagrams.
func (p *prepared) over(a address.Address, raw net.Conn, to *target) (*Conn, error) {
	if a.Packets() {
		return p.clientPacket(raw, to, stream.Options{})
	}
	return p.client(raw, to, stream.Options{})
}

func (d *Dialer) connect(ctx context.Context, a address.Address) (net.Conn, error) {
	if d.Connect != nil {
		return d.Connect(ctx, a)
	}
	if a.Packets() {
		return a.DialPacket(ctx)
	}
	return a.Dial(ctx)
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
