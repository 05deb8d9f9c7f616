package address

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/url"

	"github.com/sealsock/sealsock/internal/websocket"
)

// webSocket is a ws:// or wss:// URL. A ws:// address is a WebSocket over TCP, which
// carries bytes. In a wss:// address TLS is below the WebSocket and not over it, so that
// this package, which is below TLS, cannot open it.
type webSocket struct {
	scheme string
	rest   string // what follows "://", in the form package net/url writes
	tcp    tcp
}

// webSocketPorts has the default ports. RFC 6455, Section 3.
var webSocketPorts = map[string]string{"ws": "80", "wss": "443"}

func parseWebSocket(scheme, rest string) (endpoint, error) {
	u, err := url.Parse(scheme + "://" + rest)
	if err != nil {
		return nil, problem("it is not a URL", "write %s://host/path", scheme)
	}
	// RFC 6455, Section 3: no fragment in a WebSocket URI.
	if u.Fragment != "" || u.User != nil {
		return nil, problem("a WebSocket URL must have neither a fragment nor a user", "")
	}
	host, err := checkHost(scheme, u.Hostname())
	if err != nil {
		return nil, err
	}
	port := u.Port()
	if host == "" && port == "" {
		return nil, problem("it has no host", "write %s://host/path", scheme)
	}
	if port, err = checkPort(cmp.Or(port, webSocketPorts[scheme])); err != nil {
		return nil, err
	}
	text := u.String()[len(scheme)+len("://"):]
	again, err := url.Parse(scheme + "://" + text)
	if err != nil || again.String() != u.String() {
		return nil, problem("the URL has no canonical form", "")
	}
	return webSocket{scheme, text, tcp{"tcp", host, port}}, nil
}

func (w webSocket) network() string { return w.scheme }
func (w webSocket) text() string    { return w.scheme + "://" + w.rest }
func (w webSocket) host() string    { return w.tcp.host() }

// location returns the host, with the port if it is given, and the path with the query.
func (w webSocket) location() (host, resource string) {
	u, err := url.Parse(w.text())
	if err != nil {
		return "", "/"
	}
	host = u.Host
	if w.tcp.name == "" {
		host = "localhost" + host
	}
	return host, u.RequestURI()
}

// Location returns the host of a ws:// or wss:// address, with the port if the address
// has one, and the path with the query, as a request of HTTP has them. They are empty for
// other addresses.
func (a Address) Location() (host, resource string) {
	if w, ok := a.end.(webSocket); ok {
		return w.location()
	}
	return "", ""
}

var errWebSocket = errors.New("wss:// is a WebSocket over TLS, and this is below TLS: " +
	"open its host and port, and the WebSocket over the encrypted connection")

func (w webSocket) dial(ctx context.Context) (net.Conn, error) {
	if w.scheme != "ws" {
		return nil, opError("dial", Address{w.scheme, w}, errWebSocket)
	}
	raw, err := w.tcp.dial(ctx)
	if err != nil {
		return nil, err
	}
	host, resource := w.location()
	c, err := websocket.Client(ctx, raw, host, resource)
	if err != nil {
		_ = raw.Close()
		return nil, opError("dial", Address{w.scheme, w}, err)
	}
	return c, nil
}

func (w webSocket) listen(ctx context.Context) (net.Listener, error) {
	if w.scheme != "ws" {
		return nil, opError("listen", Address{w.scheme, w}, errWebSocket)
	}
	l, err := w.tcp.listen(ctx)
	if err != nil {
		return nil, err
	}
	_, resource := w.location()
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
