// Package sealfasthttp connects clients of fasthttp through package sealsock.
//
//	dial, err := sealfasthttp.Dial(cfg)
//	client := &fasthttp.Client{Dial: dial}
//	code, body, err := client.Get(nil, "https://example.com/")
//
// A server of fasthttp needs no more than a Listener of sealsock: see the example.
package sealfasthttp

import (
	"context"
	"net"

	"github.com/valyala/fasthttp"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
)

// rememberedServers is how many servers sessions are kept for, if Config has no cache.
const rememberedServers = 64

// Dial returns the dial function of a fasthttp.Client, HostClient or PipelineClient, whose
// connections are all encrypted, also to a URL of http. A server must prove
// Config.ServerName or, if that is empty, its host. The client's TLSConfig has no effect.
// Config.HandshakeTimeout bounds each handshake. Sessions are resumed, from a cache of their
// own if Config.Sessions is nil. A nil cfg is the zero Config.
func Dial(cfg *sealsock.Config) (fasthttp.DialFunc, error) {
	own := new(sealsock.Config)
	if cfg != nil {
		*own = *cfg
	}
	if own.Sessions == nil {
		own.Sessions = sealsock.NewMemoryCache(rememberedServers)
	}
	d, err := sealsock.NewDialer(own)
	if err != nil {
		return nil, err
	}
	d.Connect = connect
	return func(addr string) (net.Conn, error) {
		return d.DialContext(context.Background(), "tcp", addr)
	}, nil
}

// connect opens the connection below, in the time of fasthttp.Dial.
func connect(ctx context.Context, a address.Address) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, fasthttp.DefaultDialTimeout)
	defer cancel()
	return a.Dial(ctx)
}
