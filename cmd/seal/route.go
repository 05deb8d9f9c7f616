package main

import (
	"context"
	"errors"
	"net"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/internal/websocket"
	"github.com/sealsock/sealsock/proxyprotocol"
	"github.com/sealsock/sealsock/starttls"
)

// A route is how the connection below TLS is opened.
type route struct {
	proxies  *proxies // that reach the server
	header   int      // version of the PROXY protocol header that is sent; 0 for none
	client   net.Conn // that the header is about; nil for this side itself
	starttls string   // the protocol of --starttls; empty for TLS from the first byte
	host     string   // the server's name, for STARTTLS
}

// connect opens the connection and returns it when the server awaits a ClientHello.
func (r *route) connect(ctx context.Context, a address.Address) (net.Conn, error) {
	if a.Packets() {
		return a.DialPacket(ctx)
	}
	raw, err := r.proxies.dial(ctx, belowTLS(a))
	if err != nil {
		return nil, err
	}
	if err := r.begin(ctx, raw); err != nil {
		raw.Close()
		return nil, err
	}
	return raw, nil
}

// begin sends what comes before TLS.
func (r *route) begin(ctx context.Context, raw net.Conn) error {
	if r.header != 0 {
		client := r.client
		if client == nil {
			client = ownConn{raw}
		}
		if err := sendHeader(raw, r.header, client); err != nil {
			return err
		}
	}
	if r.starttls == "" {
		return nil
	}
	return starttls.Client(ctx, raw, r.starttls, r.host)
}

// An ownConn is a connection whose client is this side.
type ownConn struct{ net.Conn }

func (c ownConn) RemoteAddr() net.Addr { return c.Conn.LocalAddr() }
func (c ownConn) LocalAddr() net.Addr  { return c.Conn.RemoteAddr() }

// describeEndpoint explains an error of what is before TLS or over it; nil for another one.
func describeEndpoint(err error) *problem {
	var upgrade *starttls.Error
	var header *proxyprotocol.Error
	var ws *websocket.Error
	switch {
	case errors.As(err, &upgrade):
		return describeUpgrade(upgrade)
	case errors.As(err, &header):
		return describeHeader(header)
	case errors.As(err, &ws):
		return describeWebSocket(ws)
	}
	return nil
}

// checkLegacyRoute finds what package legacy, which connects by itself, cannot do.
func checkLegacyRoute(c *dialer) error {
	if c.addr.Scheme() == "wss" {
		return usage("--legacy does not go with wss://").
			hinted("use a ws:// address, or leave out --legacy")
	}
	p, _, err := c.route.proxies.choose(c.addr)
	if p != nil {
		return usage("--legacy uses no proxy, and %s names one", p.from).
			hinted("add --proxy none, or leave out --legacy")
	}
	return err
}
