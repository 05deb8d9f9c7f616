package all

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/url"

	"github.com/sealsock/sealsock/internal/endpoint"
	"github.com/sealsock/sealsock/internal/websocket"
)

// webSocket is a ws:// or wss:// URL. A ws:// address is a WebSocket over TCP, which
// carries bytes. In a wss:// address TLS is below the WebSocket and not over it, so that
// this package, which is below TLS, cannot open it.
type webSocket struct {
	scheme string
	rest   string // what follows "://", in the form package net/url writes
	tcp    endpoint.TCP
}

// webSocketPorts has the default ports. RFC 6455, Section 3.
var webSocketPorts = map[string]string{"ws": "80", "wss": "443"}

func parseWebSocket(scheme, rest string) (endpoint.Endpoint, error) {
	u, err := url.Parse(scheme + "://" + rest)
	if err != nil {
		return nil, endpoint.Problem("it is not a URL", "write %s://host/path", scheme)
	}
	// RFC 6455, Section 3: no fragment in a WebSocket URI.
	if u.Fragment != "" || u.User != nil {
		return nil, endpoint.Problem("a WebSocket URL must have neither a fragment nor a user", "")
	}
	host, err := endpoint.CheckHost(scheme, u.Hostname())
	if err != nil {
		return nil, err
	}
	port := u.Port()
	if host == "" && port == "" {
		return nil, endpoint.Problem("it has no host", "write %s://host/path", scheme)
	}
	if port, err = endpoint.CheckPort(cmp.Or(port, webSocketPorts[scheme])); err != nil {
		return nil, err
	}
	text := u.String()[len(scheme)+len("://"):]
	again, err := url.Parse(scheme + "://" + text)
	if err != nil || again.String() != u.String() {
		return nil, endpoint.Problem("the URL has no canonical form", "")
	}
	return webSocket{scheme, text, endpoint.TCP{Scheme: "tcp", Name: host, Port: port}}, nil
}

func (w webSocket) Network() string { return w.scheme }
func (w webSocket) Text() string    { return w.scheme + "://" + w.rest }
func (w webSocket) Host() string    { return w.tcp.Host() }

// Location returns the host, with the port if it is given, and the path with the query.
func (w webSocket) Location() (host, resource string) {
	u, err := url.Parse(w.Text())
	if err != nil {
		return "", "/"
	}
	host = u.Host
	if w.tcp.Name == "" {
		host = "localhost" + host
	}
	return host, u.RequestURI()
}

// HostPort returns those of the connection below the WebSocket.
func (w webSocket) HostPort() (host, port string, ok bool) { return w.tcp.Name, w.tcp.Port, true }

// ALPN returns the protocol of a WebSocket over TLS.
func (w webSocket) ALPN() string {
	if w.scheme == "wss" {
		return "http/1.1" // RFC 6455
	}
	return ""
}

var errWebSocket = errors.New("wss:// is a WebSocket over TLS, and this is below TLS: " +
	"open its host and port, and the WebSocket over the encrypted connection")

func (w webSocket) Dial(ctx context.Context) (net.Conn, error) {
	if w.scheme != "ws" {
		return nil, endpoint.OpError("dial", w, errWebSocket)
	}
	raw, err := w.tcp.Dial(ctx)
	if err != nil {
		return nil, err
	}
	host, resource := w.Location()
	c, err := websocket.Client(ctx, raw, host, resource)
	if err != nil {
		_ = raw.Close()
		return nil, endpoint.OpError("dial", w, err)
	}
	return c, nil
}

func (w webSocket) Listen(ctx context.Context) (net.Listener, error) {
	if w.scheme != "ws" {
		return nil, endpoint.OpError("listen", w, errWebSocket)
	}
	l, err := w.tcp.Listen(ctx)
	if err != nil {
		return nil, err
	}
	_, resource := w.Location()
	return webSocketListener{l, resource}, nil
}

// A webSocketListener accepts connections whose upgrade runs with their first read.
type webSocketListener struct {
	net.Listener
	resource string
}

func (l webSocketListener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return websocket.Server(raw, l.resource), nil
}
