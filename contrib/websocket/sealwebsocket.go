// Package sealwebsocket connects WebSocket clients of gorilla/websocket and coder/websocket
// through package sealsock.
//
//	dialer, err := sealwebsocket.Gorilla(cfg)
//	conn, _, err := dialer.DialContext(ctx, "wss://example.com/", nil)
//
//	options, err := sealwebsocket.Coder(cfg)
//	conn, _, err := websocket.Dial(ctx, "wss://example.com/", options)
//
// Servers of both need nothing: they take over connections of net/http, which serves a
// Listener of sealsock.
package sealwebsocket

import (
	"net/http"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/httptransport"
)

// http1 is the protocol that WebSocket begins with. RFC 6455, Section 4.1.
const http1 = "http/1.1"

// Gorilla returns a Dialer of gorilla/websocket whose URLs are wss://. The server must prove
// Config.ServerName or, if that is empty, its host. A nil cfg is the zero Config. Config.ALPN
// is not used: the one protocol is http/1.1.
//
// Its Proxy is nil, also if the environment names one, and must stay so: with
// NetDialTLSContext set, gorilla/websocket encrypts the connection to the proxy and not the
// one to the server behind it. Use Coder to go through a proxy.
func Gorilla(cfg *sealsock.Config) (*gorilla.Dialer, error) {
	d, err := sealsock.NewDialer(withHTTP1(cfg))
	if err != nil {
		return nil, err
	}
	return &gorilla.Dialer{
		NetDialTLSContext: d.DialContext,
		HandshakeTimeout:  gorilla.DefaultDialer.HandshakeTimeout,
	}, nil
}

// Coder returns options for websocket.Dial of coder/websocket. The server must prove
// Config.ServerName or, if that is empty, its host. A nil cfg is the zero Config. Its client
// may send other requests too, also with HTTP/2. Config.ALPN, if set, must have http/1.1.
func Coder(cfg *sealsock.Config) (*coder.DialOptions, error) {
	transport, err := httptransport.New(cfg)
	if err != nil {
		return nil, err
	}
	return &coder.DialOptions{HTTPClient: &http.Client{Transport: transport}}, nil
}

// withHTTP1 returns a copy of cfg whose only protocol is HTTP/1.1: a server that selects h2
// takes no upgrade.
func withHTTP1(cfg *sealsock.Config) *sealsock.Config {
	own := new(sealsock.Config)
	if cfg != nil {
		*own = *cfg
	}
	own.ALPN = []string{http1}
	return own
}
