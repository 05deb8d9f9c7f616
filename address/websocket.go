package address

import (
	"context"
	"errors"
	"net"
	"net/url"
)

// webSocket is a ws:// or wss:// URL, kept as text. An HTTP client or server
// opens it; this package has no HTTP.
type webSocket struct {
	scheme string
	rest   string // what follows "://", in the form package net/url writes
	name   string
}

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
	if host == "" {
		return nil, problem("it has no host", "write %s://host/path", scheme)
	}
	if port := u.Port(); port != "" {
		if _, err := checkPort(port); err != nil {
			return nil, err
		}
	}
	text := u.String()[len(scheme)+len("://"):]
	again, err := url.Parse(scheme + "://" + text)
	if err != nil || again.String() != u.String() {
		return nil, problem("the URL has no canonical form", "")
	}
	return webSocket{scheme, text, tcp{name: host}.host()}, nil
}

func (w webSocket) network() string { return w.scheme }
func (w webSocket) text() string    { return w.scheme + "://" + w.rest }
func (w webSocket) host() string    { return w.name }

var errWebSocket = errors.New("a WebSocket address is opened by an HTTP client or server, not as a socket")

func (w webSocket) dial(context.Context) (net.Conn, error) {
	return nil, opError("dial", Address{w.scheme, w}, errWebSocket)
}

func (w webSocket) listen(context.Context) (net.Listener, error) {
	return nil, opError("listen", Address{w.scheme, w}, errWebSocket)
}
