// Package sealgrpc has transport credentials for gRPC over connections of package sealsock.
//
//	creds, err := sealgrpc.NewClient(cfg)
//	conn, err := grpc.NewClient("example.com:443", grpc.WithTransportCredentials(creds))
//
// The peer's AuthInfo is a credentials.TLSInfo, as with crypto/tls, and has the SPIFFE ID of
// a peer whose certificate names one.
package sealgrpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"

	"google.golang.org/grpc/credentials"

	"github.com/sealsock/sealsock"
)

// The application protocol of gRPC is HTTP/2.
const protocol = "h2"

// rememberedServers is how many servers the sessions of a client are kept for, if its Config
// has no cache of its own.
const rememberedServers = 64

// NewClient returns credentials for clients. The server must prove Config.ServerName or, if
// that is empty, the host of the target. A nil cfg is the zero Config. Sessions are resumed,
// from a cache of the credentials' own if Config.Sessions is nil.
func NewClient(cfg *sealsock.Config) (credentials.TransportCredentials, error) {
	own, err := with(cfg)
	if err != nil {
		return nil, err
	}
	if own.Sessions == nil {
		own.Sessions = sealsock.NewMemoryCache(rememberedServers)
	}
	if _, err := sealsock.NewDialer(own); err != nil {
		return nil, err
	}
	return &transport{cfg: own}, nil
}

// NewServer returns credentials for servers. Config needs an identity, or SelectIdentity, with
// which a certificate can be replaced while the server runs. Without Config.Tickets they use
// ticket keys of their own.
func NewServer(cfg *sealsock.Config) (credentials.TransportCredentials, error) {
	own, err := with(cfg)
	if err != nil {
		return nil, err
	}
	if own.Tickets == nil && own.NumTickets >= 0 {
		own.Tickets = sealsock.SealTickets(&sealsock.RotatingKeys{Lifetime: own.TicketLifetime}, own.Now)
	}
	if _, err := sealsock.ServerEngine(own); err != nil {
		return nil, err
	}
	return &transport{cfg: own, server: true}, nil
}

// with returns a copy of cfg with the protocol of gRPC.
func with(cfg *sealsock.Config) (*sealsock.Config, error) {
	own := new(sealsock.Config)
	if cfg != nil {
		*own = *cfg
	}
	if len(own.ALPN) > 0 && !slices.Equal(own.ALPN, []string{protocol}) {
		return nil, fmt.Errorf("sealgrpc: Config.ALPN is %q: "+
			"gRPC needs %q alone, or an empty list", own.ALPN, protocol)
	}
	own.ALPN = []string{protocol}
	return own, nil
}

// A transport implements credentials.TransportCredentials.
type transport struct {
	cfg    *sealsock.Config
	server bool
}

// ClientHandshake implements credentials.TransportCredentials.
func (t *transport) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (
	net.Conn, credentials.AuthInfo, error) {
	if t.server {
		return nil, nil, errors.New("sealgrpc: credentials of NewServer on a client")
	}
	cfg := t.cfg
	if cfg.ServerName == "" {
		named := *cfg
		named.ServerName = host(authority)
		cfg = &named
	}
	c, err := sealsock.Client(raw, cfg)
	if err != nil {
		return nil, nil, err
	}
	return finish(ctx, c)
}

// host returns the host of an authority, which may have a port.
func host(authority string) string {
	if h, _, err := net.SplitHostPort(authority); err == nil {
		return h
	}
	return authority
}

// ServerHandshake implements credentials.TransportCredentials. gRPC has set a deadline.
func (t *transport) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if !t.server {
		return nil, nil, errors.New("sealgrpc: credentials of NewClient on a server")
	}
	c, err := sealsock.Server(raw, t.cfg)
	if err != nil {
		return nil, nil, err
	}
	return finish(context.Background(), c)
}

// finish runs the handshake and describes the peer.
func finish(ctx context.Context, c *sealsock.Conn) (net.Conn, credentials.AuthInfo, error) {
	if err := c.HandshakeContext(ctx); err != nil {
		c.GiveUp(err)
		return nil, nil, err
	}
	state := c.ConnectionState()
	if state.NegotiatedProtocol != protocol {
		c.Close()
		return nil, nil, errors.New("sealgrpc: the peer did not select h2, the protocol of gRPC")
	}
	return c, credentials.TLSInfo{
		State: state, SPIFFEID: spiffeID(state),
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
	}, nil
}

// spiffeID returns the SPIFFE ID of the peer, or nil. A certificate with another URI beside
// it, or with two, has none: X.509-SVID, Section 2.
func spiffeID(s tls.ConnectionState) *url.URL {
	if len(s.PeerCertificates) == 0 || len(s.PeerCertificates[0].URIs) != 1 {
		return nil
	}
	id := s.PeerCertificates[0].URIs[0]
	if id.Scheme != "spiffe" || id.Host == "" || id.User != nil || id.Port() != "" ||
		id.RawQuery != "" || id.Fragment != "" {
		return nil
	}
	return id
}

// Info implements credentials.TransportCredentials.
func (t *transport) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls", ServerName: t.cfg.ServerName}
}

// Clone implements credentials.TransportCredentials.
func (t *transport) Clone() credentials.TransportCredentials {
	own := *t.cfg
	return &transport{cfg: &own, server: t.server}
}

// OverrideServerName implements credentials.TransportCredentials.
func (t *transport) OverrideServerName(name string) error {
	t.cfg.ServerName = name
	return nil
}
